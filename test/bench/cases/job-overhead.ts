import { type Bench, forEachRound, LATENCY, repeat, withTable } from '../bench';
import { runContestant } from '../contestant';
import { type Check, compare } from '../report';
import { round, summarize } from '../summary';
import { runWorker } from '../worker-run';

const DAYS = 31;
/** Two waves of days at 60 ms a page: some ten seconds. */
const PAGES_PER_DAY = 80;
const CONCURRENCY = 16;

/** What the queue, the job's record, its heartbeats and its outcome take beside the scan itself. */
export async function jobOverhead(bench: Bench): Promise<Check[]> {
  const table = { entitiesOfDays: repeat(DAYS, PAGES_PER_DAY * 1_000), faults: [LATENCY] };
  return withTable(bench, table, async ({ task, warmUp }) => {
    await warmUp('engine');
    const [direct, run, total]: number[][] = [[], [], []];
    await forEachRound(bench.rounds, async () => {
      direct?.push((await runContestant('engine', task({ concurrency: CONCURRENCY }))).ms / 1_000);
      const measured = await runWorker(task({ concurrency: CONCURRENCY }));
      run?.push(measured.runMs / 1_000);
      total?.push(measured.totalMs / 1_000);
    });
    const peer = summarize(direct ?? []);
    const toCheck = (what: string, seconds: number[] | undefined): Check => {
      const ours = summarize(seconds ?? []);
      const check = compare({ case: 8, what, unit: 's', ours, peer, target: { atMost: 1.01 } });
      return { ...check, result: `${round((ours.median / peer.median - 1) * 100)} %`, target: 'at most 1 %' };
    };
    return [
      toCheck('a job beside runQuery called directly, from its start to its outcome', run),
      toCheck('the same, from the submission over HTTP to the outcome', total),
    ];
  });
}
