import type { FaultRule } from '../../support/table-double/fault-rules';
import { type Bench, forEachRound, LATENCY, repeat, toSeconds, withTable } from '../bench';
import { runContestant, tryContestant } from '../contestant';
import { type Check, compare } from '../report';
import { summarize } from '../summary';

const DAYS = 31;
const PAGES_PER_DAY = 20;
const CONCURRENCY = 16;
const FAULTS: FaultRule[] = [
  { fault: { kind: 'cut-body' }, probability: 0.01 },
  { fault: { kind: 'status', status: 503 }, probability: 0.01 },
  { fault: { kind: 'empty-page' }, probability: 0.01 },
];

/** Faults that are nobody's mistake, at a rate at which a long scan meets some in any case. */
export async function faults(bench: Bench): Promise<Check[]> {
  const table = { entitiesOfDays: repeat(DAYS, PAGES_PER_DAY * 1_000), faults: [LATENCY] };
  return withTable(bench, table, async ({ double, task, warmUp }) => {
    await warmUp('engine', 'original');
    const [undisturbed, disturbed]: number[][] = [[], []];
    const originals: string[] = [];
    let wrongCounts = 0;
    await forEachRound(bench.rounds, async (round) => {
      await double.configure({ faults: [LATENCY] });
      const calm = await runContestant('engine', task({ concurrency: CONCURRENCY }));
      undisturbed?.push(toSeconds(calm));
      await double.configure({ faults: [LATENCY, ...FAULTS], faultSeed: round + 1 });
      const rough = await runContestant('engine', task({ concurrency: CONCURRENCY }));
      disturbed?.push(toSeconds(rough));
      if (rough.count !== calm.count || rough.entitiesRead !== calm.entitiesRead) wrongCounts += 1;
      await double.configure({ faults: [LATENCY, ...FAULTS], faultSeed: round + 1 });
      const original = await tryContestant('original', task({ concurrency: 1 }));
      originals.push('failed' in original ? 'fails' : 'counts');
    });
    console.log(`   wrong counts of ours: ${wrongCounts}; the original ${originals.join(', ')}`);
    const check = compare({
      case: 5,
      what: `1 % cut replies, 1 % 503, 1 % empty pages, C=${CONCURRENCY}; the original ${originals.join(', ')}`,
      unit: 's',
      ours: summarize(disturbed ?? []),
      peer: summarize(undisturbed ?? []),
      target: { atMost: 1.2 },
    });
    return [{ ...check, target: `${check.target}, the same count`, met: check.met && wrongCounts === 0 }];
  });
}
