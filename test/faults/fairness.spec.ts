import { describe, expect, it } from 'vitest';
import type { RecordedRequest } from '../support/table-double/request-log';
import { type GeneratedRows, generateDays } from '../support/table-double/generated-table';
import type { QueryRange } from './harness/history';
import { onStage } from './harness/on-stage';
import type { Stage } from './harness/stage';

const PAGES_OF_DAY = 8;
const ROWS_OF_PAGE = 100;

const LONG: QueryRange = { start: '2021-01-01', end: '2021-02-09' };
const LONG_DAYS = 40;

/** One short query each; fewer are live at a time, so that no two share days. */
const WEEKS = 12;
const FIRST_DAY_OF_WEEKS = '2021-03-01';
const STREAMS = 6;
/** Limit of each stream: with its fair share the long query would end earlier. */
const MOST_QUERIES_OF_STREAM = 6;

const rows: GeneratedRows = {
  partitions: [
    ...generateDays(LONG.start, LONG_DAYS, PAGES_OF_DAY * ROWS_OF_PAGE),
    ...generateDays(FIRST_DAY_OF_WEEKS, 7 * WEEKS, PAGES_OF_DAY * ROWS_OF_PAGE),
  ],
  distinctIdentifiers: 20_000,
};

/** The default. A day of a short query then has more than four times its even share of the day slots. */
const SLOTS = 16;
/** Fewer short queries run beside the long one than there are streams: the others wait for a slot. */
const RUNNING = 4;
const FAIR_SHARE = 1 / RUNNING;

const faults = [
  { fault: { kind: 'latency', ms: 150 } },
  { fault: { kind: 'short-page', rows: ROWS_OF_PAGE } },
] as const;

/** Requests a window: many compared with the pause of the long query between two days. */
const WINDOW = 6 * SLOTS;
/** With fewer pages left than it reads at once, the long query needs less than its share. */
const LAST_PAGES = 2 * SLOTS;

const TIME_LIMIT_SECONDS = 50;

function toWeek(index: number): QueryRange {
  const days = generateDays(FIRST_DAY_OF_WEEKS, 7 * WEEKS, 0).slice(7 * (index % WEEKS), 7 * (index % WEEKS) + 7);
  return { start: days[0]?.key ?? '', end: days[6]?.key ?? '' };
}

/** Runs short queries of another caller until the long query ends. @returns Their documents. */
async function runStreams(stage: Stage, isOver: () => boolean): Promise<string[]> {
  const ends: string[] = [];
  let next = 0;
  const stream = async () => {
    for (let query = 0; query < MOST_QUERIES_OF_STREAM && !isOver(); query += 1) {
      const id = await stage.callers[1].submitUntilAccepted(toWeek(next++));
      const { status } = await stage.waitForEnd(id);
      if (!isOver()) ends.push(status);
    }
  };
  await Promise.all(Array.from({ length: STREAMS }, stream));
  return ends;
}

/** Share of the long query in each window of requests, relative to its fair share, from the first stream on. */
function toShares(requests: readonly RecordedRequest[]): number[] {
  const isLong = ({ day }: RecordedRequest) => day !== null && day <= LONG.end;
  const pages = requests.filter(({ day }) => day !== null);
  const ofLong = pages.filter(isLong);
  const lastOrdinal = ofLong.at(-LAST_PAGES)?.ordinal ?? Infinity;
  const begun = pages.findIndex((page) => !isLong(page));
  const beside = pages.slice(begun).filter(({ ordinal }) => ordinal < lastOrdinal);
  const windows = Array.from({ length: Math.floor(beside.length / WINDOW) }, (_, i) =>
    beside.slice(i * WINDOW, (i + 1) * WINDOW),
  );
  return windows.map((window) => window.filter(isLong).length / WINDOW / FAIR_SHARE);
}

describe('fault 23: short queries beside a long one', () => {
  it('the long query has at least half of its fair share of the pages at all times, and all queries end in time', () =>
    onStage(
      {
        rows,
        env: {
          SCAN_CONCURRENCY: String(SLOTS),
          QUERIES_PER_WORKER: String(RUNNING),
          QUERY_TIME_LIMIT_SECONDS: String(TIME_LIMIT_SECONDS),
        },
      },
      async (stage) => {
        await stage.double.configure({ faults });
        const long = await stage.callers[0].submitUntilAccepted(LONG);
        await stage.waitForPages(1);
        let isOver = false;
        const ending = stage.waitForEnd(long).finally(() => (isOver = true));
        const [ends, { status }] = await Promise.all([runStreams(stage, () => isOver), ending]);
        const shares = toShares(await stage.double.requests());
        console.log(
          `share of the long query, beside ${ends.length} short ones: ${shares.map((share) => share.toFixed(2)).join(' ')}`,
        );
        expect(shares.length).toBeGreaterThanOrEqual(3);
        expect(shares.filter((share) => share < 0.5)).toEqual([]);
        expect(status).toBe('Completed');
        expect(ends.length).toBeGreaterThanOrEqual(RUNNING - 1);
        expect(new Set(ends)).toEqual(new Set(['Completed']));
      },
    ));
});
