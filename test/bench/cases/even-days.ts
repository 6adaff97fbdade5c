import { type Bench, forEachRound, LATENCY, repeat, toSeconds, withTable } from '../bench';
import { runContestant } from '../contestant';
import { type Check, compare } from '../report';
import { summarize } from '../summary';

const DAYS = 31;
const PAGES_PER_DAY = 10;
const TARGETS = [
  { concurrency: 16, atLeast: 13.5 },
  { concurrency: 32, atLeast: 25 },
];

/** Nothing but the distance to the table, which is what days side by side are for. */
export async function evenDays(bench: Bench): Promise<Check[]> {
  const table = { entitiesOfDays: repeat(DAYS, PAGES_PER_DAY * 1_000), faults: [LATENCY] };
  return withTable(bench, table, async ({ task, warmUp }) => {
    await warmUp('engine', 'original');
    const original: number[] = [];
    const ours = TARGETS.map((): number[] => []);
    await forEachRound(bench.rounds, async () => {
      for (const [i, { concurrency }] of TARGETS.entries()) {
        ours[i]?.push(toSeconds(await runContestant('engine', task({ concurrency }))));
      }
      original.push(toSeconds(await runContestant('original', task({ concurrency: 1 }))));
    });
    return TARGETS.map(({ concurrency, atLeast }, i) =>
      compare({
        case: 1,
        what: `${DAYS} even days of ${PAGES_PER_DAY} pages, ${LATENCY.fault.ms} ms a page, C=${concurrency}`,
        unit: 's',
        ours: summarize(ours[i] ?? []),
        peer: summarize(original),
        quotient: 'peer by ours',
        target: { atLeast },
      }),
    );
  });
}
