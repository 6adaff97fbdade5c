// `npm test`: sets up what the tests need, and runs them. Arguments go to the runner.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { build, ensureDependencies } from '../apps/local/bootstrap.mjs';
import { ensureProgram, isOnPath } from './support/ensure-program.mjs';

await ensureDependencies();
if (!isOnPath('valkey-server')) {
  ensureProgram('redis-server', {
    without:
      'the suites run on the embedded one. Left out, and counted as skipped, is what it lacks: "a Redis that is full".',
  });
}
ensureProgram('chromium', { without: 'what needs a browser is left out, and counted as skipped.' });
// Evaluates the alert rules; no server of Prometheus is started.
ensureProgram('promtool', {
  package: 'prometheus',
  without: 'the evaluation of the alert rules is left out, and counted as skipped.',
});
await build();
const vitest = join('node_modules', 'vitest', 'vitest.mjs');
const { status } = spawnSync(
  process.execPath,
  [vitest, 'run', '--config', 'test/vitest.config.mts', ...process.argv.slice(2)],
  { stdio: 'inherit' },
);
process.exit(status ?? 1);
