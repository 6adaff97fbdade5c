import type { RedisClient } from './redis-client';
import type { RecordKeys } from './record-keys';

/** The worker that has a job, and since when by the worker's own clock: milliseconds since 1970. */
export interface JobHolder {
  worker: string;
  since: number;
}

/** Who has which job, by BullMQ's own records: a worker takes a job under its name. */
export class JobHolders {
  constructor(
    private readonly redis: RedisClient,
    private readonly keys: RecordKeys,
  ) {}

  /**
   * Undefined when nobody has the job: it waits, or has ended. One whose worker was lost is still with it until BullMQ
   * notices.
   */
  async read(id: string): Promise<JobHolder | undefined> {
    // The active list is as long as there are queries being run at the moment.
    const active = this.redis.lpos(`${this.keys.queue}:active`, id);
    const [position, fields] = await Promise.all([active, this.redis.hmget(this.keys.job(id), 'pb', 'processedOn')]);
    const [worker, since] = fields;
    return position === null || !worker ? undefined : { worker, since: Number(since) };
  }
}
