import type { ContinuationToken } from './continuation-token';
import type { Fault } from './fault-rules';

/** One request for entities. Times are milliseconds since the epoch, with fractions, comparable between processes. */
export interface RecordedRequest {
  /** Counted from 1 since the start or the last reset, refused requests included. */
  readonly ordinal: number;
  readonly receivedAtMs: number;
  /** Null while the request is being served. */
  endedAtMs: number | null;
  /** `abandoned`: the client closed the connection before the reply was complete; `cut`: the double did. */
  end: 'answered' | 'abandoned' | 'cut' | null;
  readonly table: string;
  readonly filter: string | null;
  /** The day at which the filter's range of partition keys begins; null if it does not begin with a day. */
  day: string | null;
  select: readonly string[] | null;
  top: number | null;
  continuation: ContinuationToken | null;
  /** Null without a reply. */
  status: number | null;
  /** Rows of the answered page; 0 for any reply but a complete, correct page. */
  entities: number;
  faults: readonly Fault['kind'][];
}

/** The requests of one query (one filter). */
export interface QueryCount {
  readonly filter: string | null;
  readonly day: string | null;
  readonly requests: number;
  readonly entities: number;
  /** Requests with the reply 503 or 429. */
  readonly throttled: number;
}

/** The requests counted by filter, in the order of their first requests. */
export function countByQuery(requests: readonly RecordedRequest[]): QueryCount[] {
  const counts = new Map<string | null, QueryCount>();
  for (const { filter, day, entities, status } of requests) {
    const count = counts.get(filter) ?? { filter, day, requests: 0, entities: 0, throttled: 0 };
    counts.set(filter, {
      ...count,
      requests: count.requests + 1,
      entities: count.entities + entities,
      throttled: count.throttled + (status === 503 || status === 429 ? 1 : 0),
    });
  }
  return [...counts.values()];
}
