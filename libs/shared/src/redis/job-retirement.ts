import type { RedisClient } from './redis-client';
import type { RecordKeys } from './record-keys';
import { RedisScript } from './redis-script';

/**
 * KEYS job, outcome, the queue's lists of waiting, completed and failed jobs; ARGV id
 * Only a job that nobody holds, of a query whose outcome was written and has expired.
 */
const RETIRE = new RedisScript<0 | 1>(`
local progress = redis.call('HGET', KEYS[1], 'progress')
if not progress or not string.find(progress, '"ended":true', 1, true) then return 0 end
if redis.call('EXISTS', KEYS[2], KEYS[1] .. ':lock') > 0 then return 0 end
redis.call('LREM', KEYS[3], 0, ARGV[1])
redis.call('ZREM', KEYS[4], ARGV[1])
redis.call('ZREM', KEYS[5], ARGV[1])
redis.call('DEL', KEYS[1], KEYS[1] .. ':logs')
return 1`);

/**
 * BullMQ keeps the job of a query that has expired until some other job ends, and takes no new one with its id
 * meanwhile. This takes it away, in one step, so that of several who submit again under one idempotency key none
 * takes away what another has just added.
 */
export class JobRetirement {
  constructor(
    private readonly redis: RedisClient,
    private readonly keys: RecordKeys,
  ) {}

  async retire(id: string): Promise<void> {
    const queue = this.keys.queue;
    const keys = [this.keys.job(id), this.keys.outcome(id), `${queue}:wait`, `${queue}:completed`, `${queue}:failed`];
    await RETIRE.run(this.redis, keys, [id]);
  }
}
