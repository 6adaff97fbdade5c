import 'reflect-metadata';
import { parseArgs } from 'node:util';
import { startRedis } from '../../apps/local/src/redis-server';
import { backlog } from './http/cases/backlog';
import { eventStreams } from './http/cases/event-streams';
import { roundTrip } from './http/cases/round-trip';
import { status, submit } from './http/cases/throughput';
import type { HttpBench } from './http/http-bench';
import { type Check, printCheck, toMarkdown } from './report';

const CASES: readonly ((bench: HttpBench) => Promise<Check[]>)[] = [submit, status, backlog, roundTrip, eventStreams];

/**
 * `npm run bench:http -- [--case N]... [--rounds N] [--seconds N]`: the service beside BullMQ alone, Nest on Express and
 * pg-boss, some four minutes for all cases. Needs Linux and a real Redis on the PATH; PostgreSQL for pg-boss. Prints a
 * table for docs/figures.md; a target that is missed is no failure.
 */
async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      case: { type: 'string', multiple: true },
      rounds: { type: 'string', default: '5' },
      seconds: { type: 'string', default: '3' },
    },
  });
  const chosen = values.case?.map(Number) ?? CASES.map((_, i) => i + 1);
  const redis = await startRedis({ kind: 'native' });
  try {
    const bench = { rounds: Number(values.rounds), seconds: Number(values.seconds), redisUrl: redis.url };
    const checks: Check[] = [];
    for (const number of chosen) {
      const run = CASES[number - 1];
      if (run === undefined) throw new Error(`there is no case ${number}`);
      console.log(`${number} ${run.name}`);
      const found = await run(bench);
      found.forEach(printCheck);
      checks.push(...found);
    }
    console.log(`\n${bench.rounds} rounds of ${bench.seconds} s, median (lowest-highest)\n\n${toMarkdown(checks)}`);
  } finally {
    await redis.stop();
  }
}

void main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
