import type { Redis } from 'ioredis';
import { type RateWindow, TAKE, type WindowCount } from './rate-window';
import type { RecordKeys } from './record-keys';
import { RedisScript } from './redis-script';

/** Longer than any query waits and runs: what is older is forgotten even if nobody has looked. */
const LONGEST_LIFE_MS = 30 * 86_400_000;

/**
 * KEYS live queries, all queries, window if the submission is still to be counted
 * ARGV id, most live queries, how long a query that has ended is kept in ms, length of the window in ms, limit
 */
const ADMIT = new RedisScript<[admitted: 0 | 1, now: string, taken: number, msLeft: number]>(`${TAKE}
local taken, msLeft = 0, 0
if KEYS[3] then taken, msLeft = take(KEYS[3], ARGV[4]) end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local text = string.format('%.0f', now)
local isRefused = KEYS[3] and taken > tonumber(ARGV[5])
if isRefused or redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[2]) then return { 0, text, taken, msLeft } end
redis.call('ZADD', KEYS[1], 'NX', now, ARGV[1])
redis.call('ZADD', KEYS[2], 'NX', now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now - ARGV[3])
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

/** Which queries are whose, so that a caller's are found without looking at anyone else's. */
export class CallerQueries {
  constructor(
    private readonly redis: Redis,
    private readonly keys: RecordKeys,
    private readonly resultTtlSeconds: number,
  ) {}

  /**
   * Notes a query as its caller's, unless the caller has too many that have not ended.
   *
   * @param window Counts the submission, in the same step, and admits none beyond its limit.
   */
  async admit(caller: string, id: string, mostLive: number, window?: RateWindow): Promise<Admission> {
    const keys = [this.keys.liveQueries(caller), this.keys.callerQueries(caller), ...(window ? [window.key] : [])];
    const keepMs = this.resultTtlSeconds * 1_000 + LONGEST_LIFE_MS;
    const counting = window ? [window.windowMs, window.limit] : [];
    const [admitted, now, taken, msLeft] = await ADMIT.run(this.redis, keys, [id, mostLive, keepMs, ...counting]);
    return { isAdmitted: admitted === 1, now: Number(now), count: { taken, msLeft } };
  }

  /** Forgets a query: it was never queued, or nothing is left of it. */
  async forget(caller: string, ids: readonly string[]): Promise<void> {
    if (ids.length === 0) return;
    await Promise.all([
      this.redis.zrem(this.keys.liveQueries(caller), ...ids),
      this.redis.zrem(this.keys.callerQueries(caller), ...ids),
    ]);
  }

  /** The oldest of the queries that are thought live, of those that were noted before a time. */
  listOldestLive(caller: string, before: number, count: number): Promise<string[]> {
    return this.redis.zrangebyscore(this.keys.liveQueries(caller), '-inf', `(${before}`, 'LIMIT', 0, count);
  }

  /**
   * At most `count` of a caller's queries, newest first, that were created from `createdAfter` on and come after
   * `after` in the list.
   */
  async list(
    caller: string,
    range: { createdAfter: number; createdBefore: number; after: ListPosition | undefined },
    count: number,
  ): Promise<ListPosition[]> {
    const newest = Math.min(range.createdBefore, range.after?.createdAt ?? Infinity);
    const key = this.keys.callerQueries(caller);
    const found: ListPosition[] = [];
    for (let offset = 0; found.length < count; offset += count) {
      const max = newest === Infinity ? '+inf' : newest;
      const replies = await this.redis.zrevrangebyscore(
        key,
        max,
        range.createdAfter,
        'WITHSCORES',
        'LIMIT',
        offset,
        count,
      );
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
