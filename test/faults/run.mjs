// `npm run test:faults`: each fault alone, and then a random mixture of them for ten minutes. `-- --mixture --seed 7
// --minutes 2`: the mixture alone, repeatable by its seed. `-- --profile slow`: each fault alone, with the values of
// production. Other arguments go to the test runner.
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
if (!ensureProgram('faketime')) console.log('faketime is not installed: fault 18 is skipped.');
if (!ensureProgram('strace')) console.log('strace is not installed: a part of fault 11 is skipped.');
if (process.getuid?.() !== 0) console.log('Only root can mount a small disk: a part of fault 10 is skipped.');
await build();
const filters = [...(values.testNamePattern === undefined ? [] : ['-t', values.testNamePattern]), ...positionals];
const isWhole = filters.length === 0 && values.profile === 'fast';
const areGood = [...(values.mixture ? [] : ['faults']), ...(values.mixture || isWhole ? ['mixture'] : [])].map(run);
process.exit(areGood.every(Boolean) ? 0 : 1);

/** @param {string} project */
function run(project) {
  const runner = [join('node_modules', 'vitest', 'vitest.mjs'), 'run', '--config', 'test/faults/vitest.config.mts'];
  const env = { FAULTS_SEED: values.seed, FAULTS_MINUTES: values.minutes, FAULTS_PROFILE: values.profile };
  const { status } = spawnSync(process.execPath, [...runner, '--project', project, ...filters], {
    stdio: 'inherit',
    env: { ...process.env, ...env },
  });
  return status === 0;
}

/** @param {string} message */
function fail(message) {
  console.error(message);
  process.exit(2);
}
