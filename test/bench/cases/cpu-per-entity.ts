import { type Bench, forEachRound, repeat, withTable } from '../bench';
import { type ContestantName, runContestant } from '../contestant';
import { type Check, compare } from '../report';
import { summarize } from '../summary';

const DAYS = 31;
const PAGES_PER_DAY = 60;
const CONCURRENCY = 16;

/** What an entity costs the client in CPU time, hashing, counting and the day sets in Redis included. */
export async function cpuPerEntity(bench: Bench): Promise<Check[]> {
  return withTable(bench, { entitiesOfDays: repeat(DAYS, PAGES_PER_DAY * 1_000) }, async ({ task, warmUp }) => {
    await warmUp('engine', 'original', 'bare');
    const microseconds: Record<ContestantName, number[]> = { engine: [], original: [], bare: [] };
    await forEachRound(bench.rounds, async () => {
      for (const name of ['engine', 'original', 'bare'] as const) {
        const { cpuMs, entitiesRead } = await runContestant(name, task({ concurrency: CONCURRENCY }));
        microseconds[name].push((cpuMs * 1_000) / entitiesRead);
      }
    });
    const toCheck = (what: string, peer: ContestantName, atMost: number) =>
      compare({
        case: 4,
        what: `client CPU time for an entity, ${what}`,
        unit: 'µs',
        ours: summarize(microseconds.engine),
        peer: summarize(microseconds[peer]),
        target: { atMost },
      });
    return [toCheck('of the original’s', 'original', 0.75), toCheck('of bare undici + JSON.parse', 'bare', 3.3)];
  });
}
