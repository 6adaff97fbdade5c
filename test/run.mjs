// `npm test`: sets up what the tests need, and runs them. Arguments go to the runner.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { build, ensureDependencies } from '../apps/local/bootstrap.mjs';
import { ensureProgram, isOnPath } from './support/ensure-program.mjs';

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
  if (isOnPath('valkey-server') || ensureProgram('redis-server')) return;
  console.log(
    'There is no Redis to be had: the suites run on the embedded one. ' +
      'Left out, and counted as skipped, is what it lacks: "a Redis that is full", TLS, sentinels and a cluster.',
  );
}

function ensureBrowser() {
  if (ensureProgram('chromium')) return;
  console.log('There is no Chromium to be had: what needs a browser is left out, and counted as skipped.');
}

/** Evaluates the alert rules; no server of Prometheus is started. */
function ensurePromtool() {
  if (ensureProgram('promtool', 'prometheus')) return;
  console.log('There is no promtool to be had: the evaluation of the alert rules is left out, and counted as skipped.');
}
