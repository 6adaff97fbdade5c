import { parseArgs } from 'node:util';
import { startRedis } from '../../apps/local/src/redis-server';
import type { Bench } from './bench';
import { cpuPerEntity } from './cases/cpu-per-entity';
import { evenDays } from './cases/even-days';
import { fairness } from './cases/fairness';
import { faults } from './cases/faults';
import { giantDay } from './cases/giant-day';
import { jobOverhead } from './cases/job-overhead';
import { manyIdentifiers } from './cases/many-identifiers';
import { rateLimits } from './cases/rate-limits';
import { reusedDays } from './cases/reused-days';
import { type Check, printCheck, toMarkdown } from './report';

const CASES: readonly ((bench: Bench) => Promise<Check[]>)[] = [
  evenDays,
  rateLimits,
  giantDay,
  cpuPerEntity,
  faults,
  manyIdentifiers,
  reusedDays,
  jobOverhead,
  fairness,
];

/**
 * `npm run bench:scan -- [--case N]... [--rounds N]`: the scan beside the original's algorithm, some ten minutes for all
 * cases. Needs Linux and a real Redis on the PATH. Prints a table for docs/figures.md; a target that is missed is no failure.
 */
async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { case: { type: 'string', multiple: true }, rounds: { type: 'string', default: '3' } },
  });
  const chosen = values.case?.map(Number) ?? CASES.map((_, i) => i + 1);
  const redis = await startRedis({ kind: 'native' });
  try {
    const bench: Bench = { rounds: Number(values.rounds), redisUrl: redis.url };
    const checks: Check[] = [];
    for (const number of chosen) {
      const run = CASES[number - 1];
      if (run === undefined) throw new Error(`there is no case ${number}`);
      console.log(`${number} ${run.name}`);
      const found = await run(bench);
      found.forEach(printCheck);
      checks.push(...found);
    }
    console.log(`\n${bench.rounds} rounds, median (lowest-highest)\n\n${toMarkdown(checks)}`);
  } finally {
    await redis.stop();
  }
}

void main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
