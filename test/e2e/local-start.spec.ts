import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { toCommands } from '../../apps/local/src/commands';
import { pickAnyPort } from '../../apps/local/src/ports';
import { DOCUMENTED_ORIGINS, readCommands, readFirstLine, RUN_AS_THEY_STAND } from '../support/documented-commands';
import { waitUntil } from '../support/wait-until';

/** A PATH with all programs that the start needs, and without Redis. */
async function createPathWithoutRedis(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'audit-query-path-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  for (const path of (process.env['PATH'] ?? '').split(':').filter((one) => existsSync(one))) {
    for (const name of await readdir(path)) {
      const isKept = [
        'sh',
        'bash',
        'env',
        'npm',
        'npx',
        'curl',
        'grep',
        'cut',
        'tr',
        'sleep',
        'sed',
        'tail',
        'date',
      ].includes(name);
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

/** Runs the documented commands of RUN_AS_THEY_STAND in one shell, unchanged but for the ports. */
async function runDocumented(origins: typeof DOCUMENTED_ORIGINS, env: NodeJS.ProcessEnv) {
  const commands = readCommands().filter((command) => RUN_AS_THEY_STAND[readFirstLine(command)] !== undefined);
  const script = commands
    .map((command) => `{ ${command}\n}; echo; echo "<end $?>"`)
    .join('\n')
    .replaceAll(DOCUMENTED_ORIGINS.callers, origins.callers)
    .replaceAll(DOCUMENTED_ORIGINS.operators, origins.operators);
  const session = run('bash', ['-c', `exec 2>&1\n${script}`], { ...env, AUDIT_QUERY_URL: origins.callers });
  await session.exited;
  const runs = [...session.output().matchAll(/(.*?)\n<end (\d+)>\n/gs)];
  return commands.map((command, i) => ({
    command,
    exitCode: Number(runs[i]?.[2]),
    output: (runs[i]?.[1] ?? '').replaceAll('\r', ''),
  }));
}

describe('npm start', () => {
  it('runs on the embedded Redis, prints the commands of the README, and the commands of all pages work', async () => {
    const PORT = String(await pickAnyPort());
    const env = { ...process.env, PATH: await createPathWithoutRedis(), NO_COLOR: '1', REDIS_URL: '', PORT };
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
    const [docs = '', dashboard = ''] = text.output.match(/http:\S+\/(api\/docs|queues)/g) ?? [];
    expect(new URL(docs).port).toBe(PORT);
    const origins = { callers: new URL(docs).origin, operators: new URL(dashboard).origin };
    const pasted = text.output.split('\n').filter((line) => /^(submitted|location)=|^while /.test(line));
    expect(pasted).toEqual(Object.values(toCommands(origins.callers)));
    expect(text.output).toContain(`Status page    ${origins.callers}/api/queries/ID`);
    expect(text.output.trimEnd()).toMatch(/Ctrl-C stops it all\.$/);
    const [, printed = ''] = /^Command line +(.*)$/m.exec(text.output) ?? [];
    expect(printed).toContain(` --url ${origins.callers} submit `);
    const counted = run('bash', ['-c', printed], { ...env, AUDIT_QUERY_URL: '' });
    await counted.exited;
    expect(counted.output()).toMatch(/^119$/m);
    for (const { command, exitCode, output } of await runDocumented(origins, env)) {
      expect([exitCode, output], command).toEqual([
        0,
        expect.stringMatching(RUN_AS_THEY_STAND[readFirstLine(command)] ?? /never/),
      ]);
    }
    for (const url of [docs, dashboard]) expect((await fetch(url)).status).toBe(200);
    const folder = /Logs +(\S+)\//.exec(text.output)?.[1] ?? '';
    expect(existsSync(folder)).toBe(true);
    started.child.kill('SIGTERM');
    await started.exited;
    // npm may exit before its child processes.
    await waitUntil('the end of all processes', started.output, (output) => output.includes('all stopped'));
    await expect(fetch(docs)).rejects.toThrow();
    expect(existsSync(folder)).toBe(false);
  }, 180_000);
});
