import { type RedisClient, RedisScript } from './redis-client';
import { forgetGone, LONGEST_LIFE_MS, QUEUED_WITHIN_MS, LEAVE_WAIT, STANDING, TAKE_OFF } from './query-index';
import { type RateWindow, TAKE, type WindowCount } from './rate-window';
import type { RecordKeys } from './record-keys';

type AdmissionVerdict = 'admitted' | 'refused' | 'ended';

/**
 * KEYS live queries and all queries of the caller, queries of all callers, pending queries, job, outcome, lock of the job,
 *   window if the submission is still to be counted
 * ARGV id, most live queries, how long an ended query is kept in ms, within how many ms a submission queues its job, queue, length of the window in ms, limit
 */
const ADMIT = new RedisScript<[verdict: AdmissionVerdict, now: string, taken: number, msLeft: number]>(`
${TAKE}${STANDING}${TAKE_OFF}
local taken, msLeft = 0, 0
if KEYS[8] then taken, msLeft = take(KEYS[8], ARGV[6]) end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local text = string.format('%.0f', now)
if KEYS[8] and taken > tonumber(ARGV[7]) then return { 'refused', text, taken, msLeft } end
local is = standing(KEYS[5], KEYS[6])
-- BullMQ keeps the job of an expired query until another job ends, and adds no job with its id meanwhile.
if (is == 'expired' or is == 'none') and redis.call('EXISTS', KEYS[5]) == 1 and redis.call('EXISTS', KEYS[7]) == 0 then
  takeOff(ARGV[5], ARGV[1])
  is = 'none'
end
if is == 'ended' or is == 'expired' then return { 'ended', text, taken, msLeft } end
-- Another submission of the same query may have been admitted.
local isFull = redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[2])
if isFull and not redis.call('ZSCORE', KEYS[1], ARGV[1]) then return { 'refused', text, taken, msLeft } end
for i = 1, 3 do
  local at = redis.call('ZSCORE', KEYS[i], ARGV[1])
  -- Left by a submission that never queued its job: with its old date it could be removed before this one queues it.
  local isLeft = at and is == 'none' and tonumber(at) <= now - ARGV[4]
  if not at or isLeft then redis.call('ZADD', KEYS[i], now, ARGV[1]) end
  if i > 1 then redis.call('ZREMRANGEBYSCORE', KEYS[i], '-inf', now - ARGV[3]) end
end
-- Otherwise another submission of the same query was faster, and a worker may have begun it.
if is == 'none' then
  redis.call('ZADD', KEYS[4], now, ARGV[1])
  redis.call('PEXPIRE', KEYS[4], ARGV[3])
end
return { 'admitted', text, taken, msLeft }`);

/**
 * KEYS live queries and all queries of the caller, queries of all callers, pending queries, job, outcome, list of waiting
 *   jobs; ARGV id, how long a query that has ended is kept in ms
 * The query may have ended between the admission and the job: then its entries are gone, or the job belongs to no query.
 */
const CONFIRM = new RedisScript<void>(`${STANDING}${LEAVE_WAIT}
local is = standing(KEYS[5], KEYS[6])
if is == 'ended' then
  local fields = redis.call('HMGET', KEYS[5], 'data', 'progress')
  -- Without the mark it was added after the outcome was written, and would become a query again when that expires.
  if fields[1] and not string.find(fields[2] or '', '"ended":true', 1, true) then
    leaveWait(KEYS[7], KEYS[5], KEYS[6], ARGV[1])
    redis.call('HSET', KEYS[5], 'progress', '{"ended":true}')
  end
elseif is == 'Pending' or is == 'Running' then
  local at = redis.call('HGET', KEYS[5], 'timestamp')
  for i = 1, is == 'Pending' and 4 or 3 do
    if not redis.call('ZSCORE', KEYS[i], ARGV[1]) then redis.call('ZADD', KEYS[i], at, ARGV[1]) end
  end
  if is == 'Pending' then redis.call('PEXPIRE', KEYS[4], ARGV[2]) end
end`);

export interface Admission {
  /** `refused`: by the window, or for too many live queries. `ended`: the query has ended, and no job may be queued. */
  verdict: AdmissionVerdict;
  /** By Redis' clock, in milliseconds since 1970. */
  now: number;
  /** Zeros without a window. */
  count: WindowCount;
}

/** A position in a list of queries, which is ordered by time and then by id. */
export interface ListPosition {
  createdAt: number;
  id: string;
}

/** Milliseconds since 1970, both inclusive. */
export interface ListRange {
  createdAfter: number;
  createdBefore: number;
  after: ListPosition | undefined;
}

/** A list of queries, newest first. */
export interface OrderedQueries {
  /** At most `count` queries created within the range that follow `after` in the list. */
  list(range: ListRange, count: number): Promise<ListPosition[]>;
  /** Removes the entries of queries without records. */
  forget(ids: readonly string[]): Promise<void>;
}

/**
 * The indexes of queries by caller: a caller's queries are found without reading those of others.
 */
export class CallerQueries {
  constructor(
    private readonly redis: RedisClient,
    private readonly keys: RecordKeys,
    private readonly resultTtlSeconds: number,
  ) {}

  /**
   * Adds a query to the indexes of its caller, unless it has ended, or the caller has too many live ones. Removes a job that
   * is left of an expired query.
   *
   * @param window Counts the submission in the same step, and refuses it beyond its limit.
   */
  async admit(caller: string, id: string, mostLive: number, window?: RateWindow): Promise<Admission> {
    const records = [this.keys.job(id), this.keys.outcome(id), this.keys.jobLock(id)];
    const keys = [...this.indexKeysOf(caller), ...records, ...(window ? [window.key] : [])];
    const counting = window ? [window.windowMs, window.limit] : [];
    const args = [id, mostLive, this.keepMs, QUEUED_WITHIN_MS, this.keys.queue, ...counting];
    const [verdict, now, taken, msLeft] = await ADMIT.run(this.redis, keys, args);
    return { verdict, now: Number(now), count: { taken, msLeft } };
  }

  /**
   * Call after adding a job under an id that several requests may submit. Afterwards a live query is in all indexes, and a
   * job that was added too late, to an ended query, is off the queue.
   */
  async confirm(caller: string, id: string): Promise<void> {
    const records = [this.keys.job(id), this.keys.outcome(id), `${this.keys.queue}:wait`];
    await CONFIRM.run(this.redis, [...this.indexKeysOf(caller), ...records], [id, this.keepMs]);
  }

  /**
   * Removes a caller's queries from each index whose statement is no longer true: they were never queued, have ended, or
   * have no records.
   *
   * @param graceMs See `forgetGone`.
   */
  forget(caller: string, ids: readonly string[], graceMs?: number): Promise<void> {
    const [live, ofCaller, ofAll, pending] = this.indexKeysOf(caller);
    const indexes = [
      { key: live, holds: 'live' },
      { key: ofCaller, holds: 'kept' },
      { key: ofAll, holds: 'kept' },
      { key: pending, holds: 'Pending' },
    ] as const;
    return forgetGone(this.redis, this.keys, indexes, ids, graceMs);
  }

  /** Lists entries of the index of live queries, oldest first, that were added before a time; skips `offset`. */
  listLive(caller: string, before: number, offset: number, count: number): Promise<string[]> {
    return this.redis.zrangebyscore(this.keys.liveQueries(caller), '-inf', `(${before}`, 'LIMIT', offset, count);
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
      // The caller is unknown by then: its own list removes the entry when it is read.
      forget: (ids) => forgetGone(this.redis, this.keys, [{ key: this.keys.allQueries, holds: 'kept' }], ids),
    };
  }

  private indexKeysOf(caller: string): [live: string, ofCaller: string, ofAll: string, pending: string] {
    const { keys } = this;
    return [keys.liveQueries(caller), keys.callerQueries(caller), keys.allQueries, keys.queriesOf('Pending')];
  }

  private get keepMs(): number {
    return this.resultTtlSeconds * 1_000 + LONGEST_LIFE_MS;
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
