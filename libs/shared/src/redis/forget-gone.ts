import { type RedisClient, RedisScript } from './redis-client';
import { QUEUED_WITHIN_MS } from './query-life';
import { STANDING } from './query-standing';
import type { RecordKeys } from './record-keys';

/** A sorted set of query ids, and what an entry in it says of its query. */
export interface QueryIndex {
  key: string;
  /** `live`: it has not ended. `kept`: there are records of it. */
  holds: 'Pending' | 'Running' | 'live' | 'kept';
}

/**
 * KEYS indexes, then the job and the outcome of each query
 * ARGV grace in ms, number of indexes, what each of them holds, ids
 * The caller has read the records before; here they are looked at again, in the step that removes the entry.
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
 * Removes the entries of queries whose records do not say any more what the index does.
 *
 * @param graceMs A younger entry stays: its submission may be about to queue the job.
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
