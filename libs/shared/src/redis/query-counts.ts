import { QueryStatus } from '../contract/query-status';
import { forgetGone, QUEUED_WITHIN_MS } from './query-index';
import type { QueryStates } from './query-states';
import type { RecordKeys } from './record-keys';
import { readRedisClock, type RedisClient, RedisScript } from './redis-client';

const STATUSES = Object.values(QueryStatus);
const LIVE = [QueryStatus.Pending, QueryStatus.Running] as const;

/** Of each live status. More are looked at the next time: those that are looked at go from the list, or are true. */
const LOOKED_AT = 20;

/** KEYS the queries of each status, live ones first; ARGV how many of these are live. Those that have expired are left out. */
const COUNT = new RedisScript<number[]>(`
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
local counts = {}
for i, key in ipairs(KEYS) do
  counts[i] = i <= tonumber(ARGV[1]) and redis.call('ZCARD', key) or redis.call('ZCOUNT', key, '(' .. now, '+inf')
end
return counts`);

/** How many queries of each status are kept. It costs the same however many there are. */
export class QueryCounts {
  constructor(
    private readonly redis: RedisClient,
    private readonly keys: RecordKeys,
    private readonly states: QueryStates,
  ) {}

  /**
   * What changes a status changes its count in the same step. Only what ends without a word is counted for too long: a
   * submission that fails half-way, a job that was taken off the queue by hand, one that BullMQ failed by itself. So the
   * oldest of those that are thought alive are looked at each time, where such ones gather as all others leave.
   */
  async read(): Promise<Record<QueryStatus, number>> {
    await Promise.all(LIVE.map((status) => this.forgetGone(status)));
    const keys = STATUSES.map((status) => this.keys.queriesOf(status));
    const counts = await COUNT.run(this.redis, keys, [LIVE.length]);
    return Object.fromEntries(STATUSES.map((status, i) => [status, counts[i]])) as Record<QueryStatus, number>;
  }

  private async forgetGone(status: (typeof LIVE)[number]): Promise<void> {
    const key = this.keys.queriesOf(status);
    const before = (await readRedisClock(this.redis, key)) - QUEUED_WITHIN_MS;
    const ids = await this.redis.zrangebyscore(key, '-inf', before, 'LIMIT', 0, LOOKED_AT);
    // Writes the outcome of a query whose job BullMQ ended by itself.
    await this.states.readMany(ids);
    await forgetGone(this.redis, this.keys, [{ key, holds: status }], ids);
  }
}
