import type { RecordedRequest } from '../../support/table-double/request-log';
import { type Bench, forEachRound, LATENCY, LATENCY_MS, newKeyPrefix, repeat, toSeconds, withTable } from '../bench';
import { runContestant, type Task } from '../contestant';
import { toDay } from '../days';
import { type Check, compare } from '../report';
import { summarize } from '../summary';

const GIANT_PAGES = 120;
const OTHER_DAYS = 30;
const OTHER_PAGES = (3 * GIANT_PAGES) / OTHER_DAYS;
/** Beyond the first 16: the worst place for a day whose size nobody knows. */
const GIANT_AT = 20;
const CONCURRENCY = 16;

/**
 * One day with a quarter of all entities: its pages come one after the other, whatever else is done. What that day
 * allows is its pages by their latency; beside that, by the time that the double itself took for each of them, which is
 * a millisecond or so more; and what bare undici takes for that day alone.
 */
export async function giantDay(bench: Bench): Promise<Check[]> {
  const entitiesOfDays = repeat(OTHER_DAYS, OTHER_PAGES * 1_000).toSpliced(GIANT_AT, 0, GIANT_PAGES * 1_000);
  return withTable(bench, { entitiesOfDays, faults: [LATENCY] }, async ({ double, task, warmUp }) => {
    await warmUp('engine');
    const seconds = { unknown: [] as number[], known: [] as number[], double: [] as number[], bare: [] as number[] };
    await forEachRound(bench.rounds, async () => {
      const query: Task = task({ concurrency: CONCURRENCY, keyPrefix: newKeyPrefix() });
      seconds.unknown.push(toSeconds(await runContestant('engine', query)));
      await double.reset();
      // Everything is read anew, but how large the days are is known from before.
      seconds.known.push(toSeconds(await runContestant('engine', query)));
      seconds.double.push(sumSeconds(await double.requests(), toDay(GIANT_AT)));
      const giantAlone = { ...query, start: toDay(GIANT_AT), end: toDay(GIANT_AT) };
      seconds.bare.push(toSeconds(await runContestant('bare', giantAlone)));
    });
    const nominal = [(GIANT_PAGES * LATENCY_MS) / 1_000];
    const toCheck = (what: string, ours: number[], peer: number[]) =>
      compare({
        case: 3,
        what: `one day with a quarter of all entities, C=${CONCURRENCY}, ${what}`,
        unit: 's',
        ours: summarize(ours),
        peer: summarize(peer),
        quotient: 'peer by ours',
        target: { atLeast: 0.95 },
      });
    return [
      toCheck('sizes known, beside pages x latency', seconds.known, nominal),
      toCheck('the same, beside the time that the table itself took for that day', seconds.known, seconds.double),
      toCheck('the same, beside bare undici on that day alone', seconds.known, seconds.bare),
      toCheck('sizes unknown and the day in the last third, beside pages x latency', seconds.unknown, nominal),
    ];
  });
}

/** How long the table had the requests for a day. */
function sumSeconds(requests: readonly RecordedRequest[], day: string): number {
  const ofDay = requests.filter((request) => request.day === day);
  return ofDay.reduce((sum, { receivedAtMs, endedAtMs }) => sum + (endedAtMs ?? NaN) - receivedAtMs, 0) / 1_000;
}
