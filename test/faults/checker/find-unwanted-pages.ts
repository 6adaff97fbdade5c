import type { RecordedRequest } from '../../support/table-double/request-log';
import {
  type Call,
  type History,
  isOver,
  listAccepted,
  listSightings,
  type QueryRange,
  type Sighting,
} from '../harness/history';
import type { Redis } from 'ioredis';

/** A run checks once a second whether it may continue, and stops within this. */
const STOPS_WITHIN_MS = 2_000;

/** The API removes the job of a refused submission at once, or retries after a second; then the run stops. */
const DISCARDED_WITHIN_MS = 2_000 + STOPS_WITHIN_MS;

/** The members of an outcome in Redis that matter here. Milliseconds since 1970. */
interface KeptOutcome {
  request: QueryRange;
  createdAt: number;
  finishedAt: number;
}

interface Wish extends QueryRange {
  from: number;
  to: number;
}

/**
 * I10: each page request belongs to a query that is live, or ended at most two seconds ago.
 *
 * @param outcomes Also of queries that no caller knows: a worker may have taken the job of a submission whose answer was
 *   lost or a refusal before the API could remove it, and then runs it to its end.
 */
export function findUnwantedPages(
  history: History,
  requests: readonly RecordedRequest[],
  outcomes: readonly KeptOutcome[] = [],
): string[] {
  const wishes = [...listWishes(history), ...outcomes.map(toWish)];
  const isBlind = (at: number) => history.blindnesses.some(({ from, to }) => at >= from && at <= to + STOPS_WITHIN_MS);
  const unwanted = requests.filter(({ day, filter, receivedAtMs: at }) => {
    // A request without a filter is the readiness check.
    if (day === null || filter === null || isBlind(at)) return false;
    return !wishes.some(({ start, end, from, to }) => day >= start && day <= end && at >= from && at <= to);
  });
  const [first] = unwanted;
  if (first === undefined) return [];
  return [`I10: ${unwanted.length} pages were requested that no live query needs, the first of ${first.day}`];
}

function toWish({ request, createdAt, finishedAt }: KeptOutcome): Wish {
  return { start: request.start, end: request.end, from: createdAt, to: finishedAt + STOPS_WITHIN_MS };
}

function listWishes(history: History): Wish[] {
  const accepted = listAccepted(history);
  const sightings = listSightings(history);
  const unknown = history.calls.filter(
    ({ id, caller, answer }) => answer?.status === 404 && accepted.get(id ?? '')?.caller === caller,
  );
  return history.calls.flatMap(({ kind, range, startedAt, endedAt, answer }) => {
    if (kind !== 'submit' || range === undefined) return [];
    const id = answer?.document?.id;
    const isAccepted = id !== undefined && accepted.has(id);
    const to = isAccepted ? findEnd(id, startedAt, sightings.get(id) ?? [], unknown) : endedAt + DISCARDED_WITHIN_MS;
    return [{ ...range, from: startedAt, to }];
  });
}

/** By Redis' clock, which is the machine's; for a lost query, the end of the first call that got 404. */
function findEnd(id: string, since: number, seen: readonly Sighting[], unknown: readonly Call[]): number {
  const ends = seen.filter(({ call, document }) => call.endedAt >= since && isOver(document));
  const losses = unknown.filter((call) => call.id === id && call.startedAt >= since);
  const times = [
    ...ends.map(({ document }) => Date.parse(document.finishedAt ?? '')),
    ...losses.map(({ endedAt }) => endedAt),
  ];
  return Math.min(Infinity, ...times) + STOPS_WITHIN_MS;
}

/** All outcomes in Redis, of all callers. */
export async function readOutcomes(redis: Redis, prefix: string): Promise<KeptOutcome[]> {
  const keys = await redis.keys(`${prefix}:outcome:*`);
  const texts = await Promise.all(keys.map((key) => redis.get(key)));
  return texts.flatMap((text) => (text === null ? [] : [JSON.parse(text) as KeptOutcome]));
}
