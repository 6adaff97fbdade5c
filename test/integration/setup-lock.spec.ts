import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { waitUntil } from '../support/wait-until';

/** Stands in for npm: notes that it was run, and installs the nothing that is missing. */
const NPM = `
const { appendFileSync, mkdirSync, writeFileSync } = require('node:fs');
appendFileSync('npm.log', process.argv.slice(2).join(' ') + '\\n');
mkdirSync('node_modules', { recursive: true });
writeFileSync('node_modules/.package-lock.json', '{"packages":{}}');
`;

let project: string;
let lock: string;

beforeEach(async () => {
  project = await mkdtemp(join(tmpdir(), 'audit-query-setup-'));
  lock = join(project, '.local/setup.lock');
  await mkdir(join(project, 'apps/local'), { recursive: true });
  await mkdir(join(project, '.local'));
  await copyFile('apps/local/bootstrap.mjs', join(project, 'apps/local/bootstrap.mjs'));
  await writeFile(join(project, 'package-lock.json'), '{"packages":{}}');
  await writeFile(join(project, 'npm-cli.js'), NPM);
  await writeFile(
    join(project, 'install.mjs'),
    `import { ensureDependencies } from './apps/local/bootstrap.mjs';
     await ensureDependencies().catch(({ message, exitCode }) => { console.error(message); process.exit(exitCode ?? 99); });`,
  );
});
afterEach(() => rm(project, { recursive: true }));

/** @param line Of a shell; `install` in it is the installation. */
function start(line = 'exec install') {
  const command = line.replace('install', `"${process.execPath}" install.mjs`);
  const env = { PATH: process.env['PATH'], npm_execpath: join(project, 'npm-cli.js') };
  const child = spawn('sh', ['-c', command], { cwd: project, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const exitCode = once(child, 'close').then(([code]) => code as number | null);
  return { child, exitCode, output: () => output };
}

const countInstallations = () => {
  const log = join(project, 'npm.log');
  return existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n').length : 0;
};

/** Of this very process, which lives. */
const readOwnStartTime = async () => (await readFile('/proc/self/stat', 'utf8')).split(') ')[1]?.split(' ')[19] ?? '';

describe('the lock of a setup', () => {
  it('is given back', async () => {
    const { exitCode, output } = start();
    expect([await exitCode, countInstallations(), existsSync(lock)], output()).toEqual([0, 1, false]);
  });

  it.each<[string, () => Promise<string>, string]>([
    ['names nobody who lives', () => Promise.resolve('2147483646 1'), 'exec install'],
    [
      'names a process that has the number of whoever took it',
      () => Promise.resolve(`${process.pid} 1`),
      'exec install',
    ],
    ['names the very number of this run', () => Promise.resolve(''), 'echo "$$ 1" > .local/setup.lock; exec install'],
  ])('of a run that was killed is taken over when it %s', async (_, toText, line) => {
    await writeFile(lock, await toText());
    const { child, exitCode, output } = start(line);
    const text = await waitUntil(
      'the installation',
      () => ({ output: output(), code: child.exitCode }),
      ({ code }) => code !== null,
      10_000,
    ).finally(() => child.kill('SIGKILL'));
    expect([await exitCode, countInstallations(), existsSync(lock)], text.output).toEqual([0, 1, false]);
  });

  it('is waited for while whoever has it lives, and then there is nothing left to do', async () => {
    await writeFile(lock, `${process.pid} ${await readOwnStartTime()}`);
    const { exitCode, output } = start();
    await waitUntil('it to wait', output, (text) => text.includes('Another run is installing'));
    expect(countInstallations()).toBe(0);
    execFileSync(process.execPath, ['npm-cli.js', 'by the other'], { cwd: project });
    await rm(lock);
    expect([await exitCode, countInstallations()], output()).toEqual([0, 1]);
  });

  it('is not waited for without end: what to do is said', async () => {
    await writeFile(lock, `${process.pid} ${await readOwnStartTime()}`);
    const anHourAgo = Date.now() / 1_000 - 3_600;
    await utimes(lock, anHourAgo, anHourAgo);
    const { exitCode, output } = start();
    expect([await exitCode, output()]).toEqual([1, expect.stringContaining(`delete ${lock} and start again`)]);
  });

  it('that cannot be had is told, and not waited for', async () => {
    await rm(join(project, '.local'), { recursive: true });
    // A file where the folder should be: no user may write there, root included.
    await writeFile(join(project, '.local'), '');
    const { exitCode, output } = start();
    expect([await exitCode, output()]).toEqual([
      1,
      expect.stringMatching(/setup\.lock cannot be written \(E\w+\): let /),
    ]);
  });
});
