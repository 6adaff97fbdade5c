// `npm test`: sets up what the tests need, and runs them. Arguments go to the runner.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { build, ensureDependencies } from '../apps/local/bootstrap.mjs';

await ensureDependencies();
ensureRedis();
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
  if (isOnPath('redis-server') || isOnPath('valkey-server')) return;
  if (process.getuid?.() === 0 && isOnPath('apt-get')) {
    console.log('There is no Redis on the PATH: installing redis-server with apt-get ...');
    // RUNLEVEL keeps the package from starting it as a service.
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
    for (const args of [['update'], ['install', '-y', '--no-install-recommends', 'redis-server']]) {
      spawnSync('apt-get', ['-qq', ...args], { stdio: ['ignore', 'ignore', 'inherit'], env });
    }
    if (isOnPath('redis-server')) return;
  }
  console.log(
    'There is no Redis to be had: the suites run on the embedded one. ' +
      'Left out, and counted as skipped, is what it lacks: "a Redis that is full".',
  );
}

function isOnPath(program) {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => folder !== '' && existsSync(join(folder, program)));
}
