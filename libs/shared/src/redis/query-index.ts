import { type RedisClient, RedisScript } from './redis-client';
import type { RecordKeys } from './record-keys';

/** Longer than any query waits and runs: all records of a query expire by then. */
export const LONGEST_LIFE_MS = 30 * 86_400_000;

/** A submission that has not queued its job within this never will. */
export const QUEUED_WITHIN_MS = 10_000;

/**
 * Lua for every script that writes an index, an outcome or the queue: `standing(job, outcome)` reads the records themselves.
 *
 * | standing | records |
 * |---|---|
 * | none | no job, or a hash without a request |
 * | Pending, Running | a job that has not ended, and no outcome |
 * | ended | an outcome |
 * | expired | a job that has ended, whose outcome has expired |
 */
export const STANDING = `
local function standing(job, outcome)
  if redis.call('EXISTS', outcome) == 1 then return 'ended' end
  local fields = redis.call('HMGET', job, 'data', 'progress')
  if not fields[1] then return 'none' end
  local progress = fields[2] or ''
  if string.find(progress, '"ended":true', 1, true) then return 'expired' end
  return string.find(progress, '"startedAt"', 1, true) and 'Running' or 'Pending'
end`;

/**
 * Lua: `takeOff(queue, id)` removes a job that no worker holds from every list and set of BullMQ. An id that stays in
 * `active` would return as a job without data: the stalled check writes to the hash of each id that it finds.
 */
export const TAKE_OFF = `
local function takeOff(queue, id)
  local job = queue .. ':' .. id
  -- The wait list is long. A job with an expiry is not on it: see leaveWait.
  local mayWait = redis.call('PTTL', job) == -1
  for _, set in ipairs({ ':completed', ':failed', ':delayed', ':prioritized' }) do
    if redis.call('ZREM', queue .. set, id) == 1 then mayWait = false end
  end
  redis.call('LREM', queue .. ':active', 0, id)
  redis.call('SREM', queue .. ':stalled', id)
  if mayWait then redis.call('LREM', queue .. ':wait', 0, id) end
  redis.call('DEL', job, job .. ':logs')
end`;

/**
 * Lua: `leaveWait(wait, job, outcome, id)` removes the job of a query with an outcome from the list of waiting jobs. Its hash
 * stays as long as the outcome: BullMQ adds no second job under an id that has one, however late a submission under the
 * same idempotency key arrives.
 */
export const LEAVE_WAIT = `
local function leaveWait(wait, job, outcome, id)
  if redis.call('LREM', wait, 1, id) == 0 then return end
  redis.call('PEXPIRE', job, math.max(redis.call('PTTL', outcome), 1))
end`;

/** A sorted set of query ids, and what an entry states of its query. */
export interface QueryIndex {
  key: string;
  /** `live`: the query has not ended. `kept`: it has records. */
  holds: 'Pending' | 'Running' | 'live' | 'kept';
}

/**
 * KEYS indexes, then the job and the outcome of each query
 * ARGV grace in ms, number of indexes, what each of them holds, ids
 * The script checks the records again, atomically with the removal: they may have changed since they were read.
 */
const FORGET_GONE = new RedisScript<void>(`${STANDING}
local time = redis.call('TIME')
local before = time[1] * 1000 + math.floor(time[2] / 1000) - ARGV[1]
local indexes = tonumber(ARGV[2])
for i = 1, (#KEYS - indexes) / 2 do
  local id = ARGV[2 + indexes + i]
  local is = standing(KEYS[indexes + 2 * i - 1], KEYS[indexes + 2 * i])
  local isLive = is == 'Pending' or is == 'Running'
  for k = 1, indexes do
    local holds = ARGV[2 + k]
    local isTrue = is == holds or isLive and holds == 'live' or (isLive or is == 'ended') and holds == 'kept'
    local score = not isTrue and redis.call('ZSCORE', KEYS[k], id)
    if score and tonumber(score) <= before then redis.call('ZREM', KEYS[k], id) end
  end
end`);

/**
 * Removes the entries of queries whose records no longer agree with the index.
 *
 * @param graceMs Younger entries stay: their submissions may be about to queue the job.
 */
export async function forgetGone(
  redis: RedisClient,
  keys: RecordKeys,
  indexes: readonly QueryIndex[],
  ids: readonly string[],
  graceMs = QUEUED_WITHIN_MS,
): Promise<void> {
  if (ids.length === 0) return;
  const records = ids.flatMap((id) => [keys.job(id), keys.outcome(id)]);
  const holds = indexes.map((index) => index.holds);
  const args = [graceMs, indexes.length, ...holds, ...ids];
  await FORGET_GONE.run(redis, [...indexes.map(({ key }) => key), ...records], args);
}
