import { QueryStatus } from '../contract/query-status';
import { type RedisClient, RedisScript } from './redis-client';
import { STANDING, TAKE_OFF } from './query-index';
import type { RecordKeys } from './record-keys';

/** `live`: the query has not ended, or a worker still holds its job. */
export type PurgeVerdict = 'purged' | 'live';

/**
 * KEYS job, outcome, lock of the job, events of the history, count of those dropped, live queries and all queries of the
 * caller, queries of all callers, pending and running queries, queries that have ended by status; ARGV id, queue
 */
const PURGE = new RedisScript<PurgeVerdict>(`${STANDING}${TAKE_OFF}
local is = standing(KEYS[1], KEYS[2])
if is ~= 'ended' and is ~= 'expired' or redis.call('EXISTS', KEYS[3]) == 1 then return 'live' end
takeOff(ARGV[2], ARGV[1])
redis.call('DEL', KEYS[2], KEYS[4], KEYS[5])
for i = 6, #KEYS do redis.call('ZREM', KEYS[i], ARGV[1]) end
return 'purged'`);

/** Deletes all records of a query. Day sets belong to no query and stay. */
export class QueryPurge {
  constructor(
    private readonly redis: RedisClient,
    private readonly keys: RecordKeys,
  ) {}

  /** Atomic, so that a query which has not ended keeps all its records. */
  purge(id: string, caller: string): Promise<PurgeVerdict> {
    const { keys } = this;
    const history = keys.history(id);
    const records = [keys.job(id), keys.outcome(id), keys.jobLock(id), history.events, history.dropped];
    const callers = [keys.liveQueries(caller), keys.callerQueries(caller), keys.allQueries];
    const statuses = Object.values(QueryStatus).map((status) => keys.queriesOf(status));
    return PURGE.run(this.redis, [...records, ...callers, ...statuses], [id, keys.queue]);
  }
}
