import { InjectQueue } from '@nestjs/bullmq';
import { Inject, Injectable, Logger } from '@nestjs/common';
import type { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { ApiConfig } from '#shared/config/api-config';
import { QUERY_ATTEMPTS, QUERY_JOB, QUERY_QUEUE, type QueryJobPayload } from '#shared/contract/query-job';
import { readRedisClock } from '#shared/redis/redis-clock';
import { REDIS } from './redis.token';

/** The one place that adds jobs. */
@Injectable()
export class QueryQueue {
  private readonly logger = new Logger(QueryQueue.name);

  constructor(
    @InjectQueue(QUERY_QUEUE) private readonly queue: Queue<QueryJobPayload>,
    @Inject(REDIS) private readonly redis: Redis,
    private readonly config: ApiConfig,
  ) {
    // The connection's own listener tells of outages; without this one BullMQ would print each error too.
    queue.on('error', () => {});
  }

  /**
   * Puts a query on the queue. Once this has returned, Redis has acknowledged the job.
   *
   * @returns When the query was created: milliseconds since 1970 by Redis' clock, by which the freshness of
   *   day sets is judged too.
   */
  async add(id: string, payload: QueryJobPayload): Promise<number> {
    // Also the proof that Redis is there: without it BullMQ would keep the job for later.
    const createdAt = await readRedisClock(this.redis);
    const keep = { age: this.config.resultTtlSeconds };
    await this.queue.add(QUERY_JOB, payload, {
      jobId: id,
      timestamp: createdAt,
      attempts: QUERY_ATTEMPTS,
      backoff: { type: 'exponential', delay: 1_000 },
      removeOnComplete: keep,
      removeOnFail: keep,
    });
    return createdAt;
  }

  /**
   * Takes the job of a query that was terminated off the queue, so that no worker is woken for it. A job that
   * a worker holds stays, and one that cannot be removed is harmless: its run finds the outcome and stops.
   */
  async discard(id: string): Promise<void> {
    try {
      await this.queue.remove(id);
    } catch (error) {
      this.logger.debug(`job ${id} stays on the queue: ${String(error)}`);
    }
  }
}
