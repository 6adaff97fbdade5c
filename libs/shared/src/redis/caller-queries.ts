import type { RedisClient } from './redis-client';
import { LONGEST_LIFE_MS } from './query-life';
import { type RateWindow, TAKE, type WindowCount } from './rate-window';
import type { RecordKeys } from './record-keys';
import { RedisScript } from './redis-script';

/**
 * KEYS live queries and all queries of the caller, queries of all callers, pending queries, job, outcome, window if the
 *   submission is still to be counted
 * ARGV id, most live queries, how long a query that has ended is kept in ms, length of the window in ms, limit
 */
const ADMIT = new RedisScript<[admitted: 0 | 1, now: string, taken: number, msLeft: number]>(`${TAKE}
local taken, msLeft = 0, 0
if KEYS[7] then taken, msLeft = take(KEYS[7], ARGV[4]) end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local text = string.format('%.0f', now)
local isRefused = KEYS[7] and taken > tonumber(ARGV[5])
if isRefused then return { 0, text, taken, msLeft } end
-- Another submission of the same query may have been let in.
local isFull = redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[2])
if isFull and not redis.call('ZSCORE', KEYS[1], ARGV[1]) then return { 0, text, taken, msLeft } end
redis.call('ZADD', KEYS[1], 'NX', now, ARGV[1])
for i = 2, 3 do
  redis.call('ZADD', KEYS[i], 'NX', now, ARGV[1])
  redis.call('ZREMRANGEBYSCORE', KEYS[i], '-inf', now - ARGV[3])
end
-- Else another submission of the same query was faster, and a worker may have begun it by now.
if redis.call('EXISTS', KEYS[5], KEYS[6]) == 0 then
  redis.call('ZADD', KEYS[4], now, ARGV[1])
  redis.call('PEXPIRE', KEYS[4], ARGV[3])
end
return { 1, text, taken, msLeft }`);

export interface Admission {
  isAdmitted: boolean;
  /** By Redis' clock, in milliseconds since 1970. */
  now: number;
  /** Of zeros without a window. */
  count: WindowCount;
}

/** A place in the list of a caller's queries, which is ordered by time and then by id. */
export interface ListPosition {
  createdAt: number;
  id: string;
}

/** Both ends belong to it; milliseconds since 1970. */
export interface ListRange {
  createdAfter: number;
  createdBefore: number;
  after: ListPosition | undefined;
}

/** A list of queries, newest first. */
export interface OrderedQueries {
  /** At most `count`, of those that were created within the range and come after its `after` in the list. */
  list(range: ListRange, count: number): Promise<ListPosition[]>;
  /** Forgets queries: they were never queued, or nothing is left of them. */
  forget(ids: readonly string[]): Promise<void>;
}

/**
 * Which queries there are, and which are whose, so that a caller's are found without looking at anyone else's.
 */
export class CallerQueries {
  constructor(
    private readonly redis: RedisClient,
    private readonly keys: RecordKeys,
    private readonly resultTtlSeconds: number,
  ) {}

  /**
   * Notes a query as its caller's, unless the caller has too many that have not ended.
   *
   * @param window Counts the submission, in the same step, and admits none beyond its limit.
   */
  async admit(caller: string, id: string, mostLive: number, window?: RateWindow): Promise<Admission> {
    const lists = [this.keys.liveQueries(caller), this.keys.callerQueries(caller), this.keys.allQueries];
    const records = [this.keys.queriesOf('Pending'), this.keys.job(id), this.keys.outcome(id)];
    const keys = [...lists, ...records, ...(window ? [window.key] : [])];
    const keepMs = this.resultTtlSeconds * 1_000 + LONGEST_LIFE_MS;
    const counting = window ? [window.windowMs, window.limit] : [];
    const [admitted, now, taken, msLeft] = await ADMIT.run(this.redis, keys, [id, mostLive, keepMs, ...counting]);
    return { isAdmitted: admitted === 1, now: Number(now), count: { taken, msLeft } };
  }

  /** Forgets a caller's queries: they were never queued, or nothing is left of them. */
  forget(caller: string, ids: readonly string[]): Promise<void> {
    const lists = [this.keys.liveQueries(caller), this.keys.callerQueries(caller), this.keys.allQueries];
    return this.remove([...lists, this.keys.queriesOf('Pending')], ids);
  }

  /** The oldest of the queries that are thought live, of those that were noted before a time. */
  listOldestLive(caller: string, before: number, count: number): Promise<string[]> {
    return this.redis.zrangebyscore(this.keys.liveQueries(caller), '-inf', `(${before}`, 'LIMIT', 0, count);
  }

  /** The queries of one caller. */
  of(caller: string): OrderedQueries {
    return {
      list: (range, count) => this.list(this.keys.callerQueries(caller), range, count),
      forget: (ids) => this.forget(caller, ids),
    };
  }

  /** The queries of all callers. */
  ofAll(): OrderedQueries {
    return {
      list: (range, count) => this.list(this.keys.allQueries, range, count),
      // From the list of its caller, who is unknown by then, it goes when that is looked at.
      forget: (ids) => this.remove([this.keys.allQueries], ids),
    };
  }

  private async remove(keys: readonly string[], ids: readonly string[]): Promise<void> {
    if (ids.length > 0) await Promise.all(keys.map((key) => this.redis.zrem(key, ...ids)));
  }

  private async list(key: string, range: ListRange, count: number): Promise<ListPosition[]> {
    const newest = Math.min(range.createdBefore, range.after?.createdAt ?? Infinity);
    const max = newest === Infinity ? '+inf' : newest;
    const found: ListPosition[] = [];
    for (let offset = 0; found.length < count; offset += count) {
      const limit = ['LIMIT', offset, count] as const;
      const replies = await this.redis.zrevrangebyscore(key, max, range.createdAfter, 'WITHSCORES', ...limit);
      for (let at = 0; at < replies.length && found.length < count; at += 2) {
        const position = { id: replies[at] ?? '', createdAt: Number(replies[at + 1]) };
        if (range.after === undefined || isBehind(position, range.after)) found.push(position);
      }
      if (replies.length < count * 2) break;
    }
    return found;
  }
}

function isBehind(one: ListPosition, other: ListPosition): boolean {
  return one.createdAt < other.createdAt || (one.createdAt === other.createdAt && one.id < other.id);
}
