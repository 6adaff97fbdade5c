// `npm test`: sets up what the tests need, and runs them. Arguments go to the runner.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { build, ensureDependencies } from '../apps/local/bootstrap.mjs';

await ensureDependencies();
ensureRedis();
ensureBrowser();
ensurePromtool();
await build();
const vitest = join('node_modules', 'vitest', 'vitest.mjs');
const { status } = spawnSync(
  process.execPath,
  [vitest, 'run', '--config', 'test/vitest.config.mts', ...process.argv.slice(2)],
  { stdio: 'inherit' },
);
process.exit(status ?? 1);

/** A real Redis, from Debian where this may install it; otherwise the tests run on the embedded one. */
function ensureRedis() {
  if (isOnPath('redis-server') || isOnPath('valkey-server') || install('redis-server')) return;
  console.log(
    'There is no Redis to be had: the suites run on the embedded one. ' +
      'Left out, and counted as skipped, is what it lacks: "a Redis that is full", TLS, sentinels and a cluster.',
  );
}

function ensureBrowser() {
  if (isOnPath('chromium') || install('chromium')) return;
  console.log('There is no Chromium to be had: what needs a browser is left out, and counted as skipped.');
}

/** Evaluates the alert rules; no server of Prometheus is started. */
function ensurePromtool() {
  if (isOnPath('promtool') || install('promtool', 'prometheus')) return;
  console.log('There is no promtool to be had: the evaluation of the alert rules is left out, and counted as skipped.');
}

/** Whether the program is there after Debian's package was installed, where this may. */
function install(program, name = program) {
  if (process.getuid?.() !== 0 || !isOnPath('apt-get')) return false;
  console.log(`There is no ${program} on the PATH: installing it with apt-get ...`);
  // RUNLEVEL keeps a package from starting its service.
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  for (const args of [['update'], ['install', '-y', '--no-install-recommends', name]]) {
    spawnSync('apt-get', ['-qq', ...args], { stdio: ['ignore', 'ignore', 'inherit'], env });
  }
  return isOnPath(program);
}

function isOnPath(program) {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => folder !== '' && existsSync(join(folder, program)));
}
