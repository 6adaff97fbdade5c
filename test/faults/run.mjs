// `npm run test:faults`: each fault alone. `-- --mixture --seed 7 --minutes 2`: a random mixture of them, repeatable by its
// seed. `-- --profile slow`: with the values of production. Other arguments go to the runner.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { build, ensureDependencies } from '../../apps/local/bootstrap.mjs';
import { ensureProgram } from '../support/ensure-program.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    mixture: { type: 'boolean', default: false },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    minutes: { type: 'string', default: '10' },
    profile: { type: 'string', default: 'fast' },
    testNamePattern: { type: 'string', short: 't' },
  },
});
if (!['fast', 'slow'].includes(values.profile)) fail('--profile must be fast or slow.');
if (!(Number(values.minutes) > 0)) fail('--minutes must be a number above 0.');
if (!/^\d+$/.test(values.seed)) fail('--seed must be a whole number.');

await ensureDependencies();
if (!ensureProgram('redis-server')) fail('The faults need a redis-server on the PATH.');
if (!ensureProgram('faketime')) console.log('There is no faketime to be had: fault 18 is left out.');
if (process.getuid?.() !== 0) console.log('Only root can mount a small disk: a part of fault 10 is left out.');
await build();
const { status } = spawnSync(
  process.execPath,
  [
    ...[join('node_modules', 'vitest', 'vitest.mjs'), 'run', '--config', 'test/faults/vitest.config.mts'],
    ...['--project', values.mixture ? 'mixture' : 'faults'],
    ...(values.testNamePattern === undefined ? [] : ['-t', values.testNamePattern]),
    ...positionals,
  ],
  {
    stdio: 'inherit',
    env: {
      ...process.env,
      FAULTS_SEED: values.seed,
      FAULTS_MINUTES: values.minutes,
      FAULTS_PROFILE: values.profile,
    },
  },
);
process.exit(status ?? 1);

/** @param {string} message */
function fail(message) {
  console.error(message);
  process.exit(2);
}
