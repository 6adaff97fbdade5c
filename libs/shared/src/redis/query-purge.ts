import { TERMINAL_STATUSES } from '../contract/query-status';
import type { RedisClient } from './redis-client';
import type { RecordKeys } from './record-keys';
import { RedisScript } from './redis-script';

/** `live`: the query has not ended, or a worker holds its job still. */
export type PurgeVerdict = 'purged' | 'live';

/**
 * KEYS job, outcome, lock of the job, live queries and all queries of the caller, queries of all callers, events of the
 * history, count of those dropped, the queue's lists of completed, failed and waiting jobs, queries that have ended by
 * status; ARGV id
 */
const PURGE = new RedisScript<PurgeVerdict>(`
local progress = redis.call('HGET', KEYS[1], 'progress') or ''
local isEnded = redis.call('EXISTS', KEYS[2]) == 1 or string.find(progress, '"ended":true', 1, true)
if not isEnded or redis.call('EXISTS', KEYS[3]) == 1 then return 'live' end
local found = redis.call('ZREM', KEYS[9], ARGV[1]) + redis.call('ZREM', KEYS[10], ARGV[1])
-- The list of those that wait is long, and next to none of those that have ended is on it still.
if found == 0 and redis.call('EXISTS', KEYS[1]) == 1 then redis.call('LREM', KEYS[11], 0, ARGV[1]) end
redis.call('DEL', KEYS[1], KEYS[1] .. ':logs', KEYS[2], KEYS[7], KEYS[8])
for _, i in ipairs({ 4, 5, 6, 12, 13, 14 }) do redis.call('ZREM', KEYS[i], ARGV[1]) end
return 'purged'`);

/** Takes all that is kept of a query away, but for the day sets, which belong to none. */
export class QueryPurge {
  constructor(
    private readonly redis: RedisClient,
    private readonly keys: RecordKeys,
  ) {}

  /** One step for Redis, so that what has not ended stays whole. */
  purge(id: string, caller: string): Promise<PurgeVerdict> {
    const { keys } = this;
    const history = keys.history(id);
    const lists = ['completed', 'failed', 'wait'].map((list) => `${keys.queue}:${list}`);
    const callers = [keys.liveQueries(caller), keys.callerQueries(caller), keys.allQueries];
    const records = [keys.job(id), keys.outcome(id), keys.jobLock(id)];
    const statuses = TERMINAL_STATUSES.map((status) => keys.queriesOf(status));
    const all = [...records, ...callers, history.events, history.dropped, ...lists, ...statuses];
    return PURGE.run(this.redis, all, [id]);
  }
}
