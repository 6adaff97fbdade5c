import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { waitUntil } from '../support/wait-until';

/** A PATH on which there is all that the start needs, and no Redis. */
async function createPathWithoutRedis(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'audit-query-path-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  for (const path of (process.env['PATH'] ?? '').split(':').filter((one) => existsSync(one))) {
    for (const name of await readdir(path)) {
      const isKept = ['sh', 'bash', 'env', 'npm', 'npx', 'curl', 'grep', 'cut', 'tr', 'sleep', 'sed'].includes(name);
      if (isKept && !existsSync(join(folder, name))) await symlink(join(path, name), join(folder, name));
    }
  }
  await symlink(process.execPath, join(folder, 'node'));
  return folder;
}

function run(command: string, args: string[], env: NodeJS.ProcessEnv) {
  const child = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const exited = once(child, 'exit');
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  return { child, exited, output: () => output };
}

describe('npm start', () => {
  it('runs on the embedded Redis, and what it prints to be pasted gives 119', async () => {
    const env = { ...process.env, PATH: await createPathWithoutRedis(), NO_COLOR: '1', REDIS_URL: '' };
    const started = run('npm', ['start'], env);
    onTestFinished(() => void started.child.kill('SIGKILL'));
    const text = await waitUntil(
      'npm start to be ready',
      () => ({ output: started.output(), code: started.child.exitCode }),
      ({ output, code }) => code !== null || output.includes('Ctrl-C stops it all'),
      85_000,
    );
    expect(text.code, text.output).toBeNull();
    expect(text.output).toContain('for a look only');
    const commands = text.output.split('\n').filter((line) => /^(submitted|location)=|^while /.test(line));
    expect(commands).toHaveLength(3);
    const session = run('bash', ['-c', commands.join('\n')], env);
    await session.exited;
    expect(session.output()).toContain('HTTP/1.1 202 Accepted');
    expect(session.output()).toMatch(/"count":119\n$/);
    const [docs = '', dashboard = ''] = text.output.match(/http:\S+\/(api\/docs|queues)/g) ?? [];
    for (const url of [docs, dashboard]) expect((await fetch(url)).status).toBe(200);
    const folder = /Logs +(\S+)\//.exec(text.output)?.[1] ?? '';
    expect(existsSync(folder)).toBe(true);
    started.child.kill('SIGTERM');
    await started.exited;
    // npm may go before what it has started.
    await waitUntil('the end of it all', started.output, (output) => output.includes('all stopped'));
    await expect(fetch(docs)).rejects.toThrow();
    expect(existsSync(folder)).toBe(false);
  });
});
