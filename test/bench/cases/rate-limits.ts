import { DOCUMENTED_RATE_LIMITS } from '../../support/table-double/entity-rate';
import type { RecordedRequest } from '../../support/table-double/request-log';
import { type Bench, forEachRound, LATENCY, repeat, withTable } from '../bench';
import { type Measurement, runContestant } from '../contestant';
import { toDay } from '../days';
import { type Check, compare } from '../report';
import { summarize } from '../summary';

const DAYS = 31;
const PAGES_PER_DAY = 10;
/** A speed does not depend on the number of days where they are read one after the other. */
const DAYS_OF_THE_ORIGINAL = 3;
const CONCURRENCY = 16;

const { partitionEntitiesPerSecond: PARTITION_LIMIT, accountEntitiesPerSecond: ACCOUNT_LIMIT } = DOCUMENTED_RATE_LIMITS;

/** The account allows this many partitions at full speed; with fewer left to read, it is no longer the bound. */
const PARTITIONS_AT_ONCE = ACCOUNT_LIMIT / PARTITION_LIMIT;

/**
 * The documented limits of the service. A limit lets a second's worth through at once, which no speed could be told from
 * if it were counted: the account's is taken off ours, and the partition's of each day off the original's.
 */
export async function rateLimits(bench: Bench): Promise<Check[]> {
  const table = { entitiesOfDays: repeat(DAYS, PAGES_PER_DAY * 1_000), faults: [LATENCY] };
  return withTable(bench, table, async ({ double, task, warmUp }) => {
    await warmUp('engine', 'original');
    const run = async (name: 'engine' | 'original', days: number): Promise<Measurement> => {
      await double.reset();
      await double.configure({ rateLimits: DOCUMENTED_RATE_LIMITS });
      return runContestant(name, { ...task({ concurrency: CONCURRENCY }), end: toDay(days - 1) });
    };
    const [ours, original, shares, refused]: number[][] = [[], [], [], []];
    await forEachRound(bench.rounds, async () => {
      const engine = await run('engine', DAYS);
      ours?.push(toSpeed(engine, ACCOUNT_LIMIT));
      const requests = await double.requests();
      shares?.push(toShareOfAccountLimit(requests));
      refused?.push(requests.filter(({ status }) => status === 503).length / requests.length);
      original?.push(toSpeed(await run('original', DAYS_OF_THE_ORIGINAL), DAYS_OF_THE_ORIGINAL * PARTITION_LIMIT));
    });
    const what = `documented limits enforced, ${DAYS} days of ${PAGES_PER_DAY} pages, C=${CONCURRENCY}`;
    console.log(`   refused requests of ours: ${summarize(refused ?? []).median.toFixed(2)} of all`);
    return [
      compare({
        case: 2,
        what,
        unit: 'entities/s',
        ours: summarize(ours ?? []),
        peer: summarize(original ?? []),
        target: { atLeast: 9.5 },
      }),
      compare({
        case: 2,
        what: `the same, share of the account's limit while ${PARTITIONS_AT_ONCE} days are left`,
        unit: 'of the limit',
        ours: summarize(shares ?? []),
        peer: summarize([1]),
        target: { atLeast: 0.95 },
      }),
    ];
  });
}

/** Entities a second, without those that came for nothing. */
function toSpeed({ entitiesRead, ms }: Measurement, forNothing: number): number {
  return ((entitiesRead - forNothing) / ms) * 1_000;
}

function toShareOfAccountLimit(requests: readonly RecordedRequest[]): number {
  const served = requests.filter(({ entities }) => entities > 0);
  const lastOfDay = new Map(served.map(({ day, endedAtMs }) => [day, endedAtMs ?? 0]));
  const begunAtMs = Math.min(...requests.map(({ receivedAtMs }) => receivedAtMs));
  const untilMs = [...lastOfDay.values()].sort((a, b) => b - a)[PARTITIONS_AT_ONCE - 1] ?? 0;
  const entities = served.reduce((sum, page) => sum + ((page.endedAtMs ?? 0) <= untilMs ? page.entities : 0), 0);
  return (entities - ACCOUNT_LIMIT) / ((untilMs - begunAtMs) / 1_000) / ACCOUNT_LIMIT;
}
