import { setTimeout as delay } from 'node:timers/promises';
import { toSubmission } from '../../support/conversation';
import type { RecordedRequest } from '../../support/table-double/request-log';
import { type Bench, forEachRound, LATENCY, newKeyPrefix, repeat, withTable } from '../bench';
import { toDay } from '../days';
import { type Check, compare } from '../report';
import { round, show, summarize } from '../summary';
import { withService } from '../worker-run';

const LONG_DAYS = 90;
/** So many that the query does not end while it is measured. */
const LONG_PAGES = 30;
const STREAMS = 3;
const STREAM_DAYS = 7;
const STREAM_PAGES = 30;
const CONCURRENCY = 16;

/** No query of the four has enough days to leave a part of this to the others. */
const FAIR_SHARE = 1 / (STREAMS + 1);

const ALONE_MS = 3_000;
const TOGETHER_MS = 10_000;
/** Until the first pages of a change have come, and those before it are through. */
const SETTLE_MS = 1_000;
const WINDOW_MS = 1_000;

interface Window {
  from: number;
  to: number;
}

/**
 * A query of 90 days in a worker by itself, and then beside three streams of queries of 7 days each, the next one of a
 * stream submitted as soon as the one before has ended. What each had is from the double's own log: the time that the
 * requests for its days took, of which the streams have their own.
 */
export async function fairness(bench: Bench): Promise<Check[]> {
  const entitiesOfDays = [
    ...repeat(LONG_DAYS, LONG_PAGES * 1_000),
    ...repeat(STREAMS * STREAM_DAYS, STREAM_PAGES * 1_000),
  ];
  return withTable(bench, { entitiesOfDays, faults: [LATENCY] }, async ({ double, task, warmUp }) => {
    await warmUp('engine');
    const isLong = ({ day }: RecordedRequest) => day !== null && day < toDay(LONG_DAYS);
    const isOfStreams = ({ day }: RecordedRequest) => day !== null && day >= toDay(LONG_DAYS);
    const [alone, beside, streams, shares, queries]: number[][] = [[], [], [], [], []];
    await forEachRound(bench.rounds, async () => {
      await double.reset();
      const query = task({ concurrency: CONCURRENCY, keyPrefix: newKeyPrefix() });
      await withService(query, async ({ api }) => {
        const submit = (firstDay: number, days: number) => submitQuery(api.url, firstDay, days);
        const long = await submit(0, LONG_DAYS);
        const aloneFrom = await passTime(SETTLE_MS);
        const togetherAt = await passTime(ALONE_MS);
        const stop = new AbortController();
        const running = Array.from({ length: STREAMS }, (_, i) =>
          runStream(() => submit(LONG_DAYS + i * STREAM_DAYS, STREAM_DAYS), stop.signal),
        );
        const togetherFrom = await passTime(SETTLE_MS);
        const togetherTo = await passTime(TOGETHER_MS);
        stop.abort();
        const ended = await Promise.all(running);
        await fetch(long, { method: 'DELETE' });
        const requests = await double.requests();
        const ofLong = requests.filter(isLong);
        const ofStreams = requests.filter(isOfStreams);
        const together = { from: togetherFrom, to: togetherTo };
        alone?.push(toEntitiesPerSecond(ofLong, { from: aloneFrom, to: togetherAt }));
        beside?.push(toEntitiesPerSecond(ofLong, together));
        streams?.push(toEntitiesPerSecond(ofStreams, together));
        queries?.push(ended.reduce((sum, count) => sum + count, 0));
        for (const window of toWindows(together)) {
          const time = toBusyMs(ofLong, window);
          shares?.push(time / (time + toBusyMs(ofStreams, window)) / FAIR_SHARE);
        }
      });
    });
    console.log(`   queries of the streams that ended in a round: ${show(summarize(queries ?? []), '')}`);
    const share = summarize(shares ?? []);
    const what = `${LONG_DAYS} days beside ${STREAMS} streams of ${STREAM_DAYS}-day queries, C=${CONCURRENCY}`;
    return [
      {
        case: 9,
        what: `${what}, share of the slots in the worst second`,
        ours: show(share, 'of the fair share'),
        peer: '1',
        result: round(share.min),
        target: 'at least 0.5',
        met: share.min >= 0.5,
      },
      compare({
        case: 9,
        what: 'the same, entities of the 90 days beside the streams and alone',
        unit: 'entities/s',
        ours: summarize(beside ?? []),
        peer: summarize(alone ?? []),
        target: { atLeast: FAIR_SHARE / 2 },
      }),
      compare({
        case: 9,
        what: 'the same, entities of all queries together, beside those of the 90 days alone',
        unit: 'entities/s',
        ours: summarize((streams ?? []).map((speed, i) => speed + (beside?.[i] ?? NaN))),
        peer: summarize(alone ?? []),
        target: { atLeast: 0.9 },
      }),
    ];
  });
}

/** @returns Where the query is. */
async function submitQuery(apiUrl: string, firstDay: number, days: number): Promise<string> {
  const range = { start: toDay(firstDay), end: toDay(firstDay + days - 1) };
  const reply = await fetch(`${apiUrl}/api/queries`, toSubmission(range));
  const { id } = (await reply.json()) as { id?: string };
  if (reply.status !== 202 || id === undefined) throw new Error(`a submission was answered with ${reply.status}`);
  return `${apiUrl}/api/queries/${id}`;
}

/** One query after the other. @returns How many have ended. */
async function runStream(submit: () => Promise<string>, stop: AbortSignal): Promise<number> {
  for (let ended = 0; ; ended += 1) {
    const query = await submit();
    for (let status = 'Pending'; status === 'Pending' || status === 'Running';) {
      if (stop.aborted) {
        await fetch(query, { method: 'DELETE' });
        return ended;
      }
      ({ status } = (await (await fetch(`${query}?wait=1`)).json()) as { status: string });
    }
  }
}

/** @returns The time afterwards, comparable with that of the double. */
async function passTime(ms: number): Promise<number> {
  await delay(ms);
  return performance.timeOrigin + performance.now();
}

function toWindows({ from, to }: Window): Window[] {
  const count = Math.floor((to - from) / WINDOW_MS);
  return Array.from({ length: count }, (_, i) => ({ from: from + i * WINDOW_MS, to: from + (i + 1) * WINDOW_MS }));
}

/** How long the requests were under way in the window, all together. */
function toBusyMs(requests: readonly RecordedRequest[], { from, to }: Window): number {
  return requests.reduce(
    (sum, { receivedAtMs, endedAtMs }) =>
      sum + Math.max(0, Math.min(endedAtMs ?? Infinity, to) - Math.max(receivedAtMs, from)),
    0,
  );
}

function toEntitiesPerSecond(requests: readonly RecordedRequest[], { from, to }: Window): number {
  const ended = requests.filter(({ endedAtMs }) => endedAtMs !== null && endedAtMs >= from && endedAtMs < to);
  return ended.reduce((sum, { entities }) => sum + entities, 0) / ((to - from) / 1_000);
}
