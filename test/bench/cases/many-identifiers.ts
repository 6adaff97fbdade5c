import { type Bench, repeat, withTable } from '../bench';
import { runContestant } from '../contestant';
import { type Check } from '../report';
import { round } from '../summary';
import { runWorker } from '../worker-run';

const DAYS = 100;
const PAGES_PER_DAY = 101;
/** So many to draw from that 10.1 million draws give more than 10 million different ones. */
const IDENTIFIERS = 900_000_000;
const CONCURRENCY = 16;
const MEGABYTE = 1_000_000;

/** One round: memory hardly varies, and the original takes a minute. */
export async function manyIdentifiers(bench: Bench): Promise<Check[]> {
  const table = {
    entitiesOfDays: repeat(DAYS, PAGES_PER_DAY * 1_000),
    distinctIdentifiers: IDENTIFIERS,
    pageCacheBytes: 0,
  };
  return withTable(bench, table, async ({ task }) => {
    const engine = await runContestant('engine', task({ concurrency: CONCURRENCY }));
    const worker = await runWorker(task({ concurrency: CONCURRENCY }));
    const original = await runContestant('original', task({ concurrency: 1 }));
    const megabytes = { engine: engine.peakRssBytes / MEGABYTE, worker: worker.peakRssBytes / MEGABYTE };
    const isExact = [engine.count, worker.result.count].every((count) => count === original.count);
    return [
      {
        case: 6,
        what: `${original.count.toLocaleString('en')} distinct identifiers, resident memory at its peak`,
        ours: `worker ${round(megabytes.worker)} MB, engine alone ${round(megabytes.engine)} MB`,
        peer: `the original's process ${round(original.peakRssBytes / MEGABYTE)} MB`,
        result: isExact ? 'exact' : `not exact: ${engine.count}, ${worker.result.count}`,
        target: 'exact, worker under 600 MB',
        met: isExact && megabytes.worker < 600,
      },
    ];
  });
}
