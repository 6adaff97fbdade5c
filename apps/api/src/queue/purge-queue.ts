import { randomUUID } from 'node:crypto';
import { InjectQueue, BullModule } from '@nestjs/bullmq';
import { Injectable, type DynamicModule, Module } from '@nestjs/common';
import type { Job, Queue } from 'bullmq';
import { PURGE_JOB, PURGE_QUEUE, type PurgeJobPayload } from '#shared/contract/purge-job';
import type { RedisClient } from '#shared/redis/redis-client';
import type { ApiConfig } from '#shared/config/api-config';

/** How long a purge that has ended can be looked up. */
const KEPT_SECONDS = 86_400;

/**
 * Attempts at a purge that fails unexpectedly: with the pauses in between, about two and a half minutes.
 * A lost worker costs none of these; apps/worker has a bound of its own for them.
 */
const ATTEMPTS = 10;

export type PurgeJob = Job<PurgeJobPayload>;

/** The one place that adds purges. */
@Injectable()
export class PurgeQueue {
  constructor(@InjectQueue(PURGE_QUEUE) private readonly queue: Queue<PurgeJobPayload>) {
    // The connection's own listener tells of outages; without this one BullMQ would print each error too.
    queue.on('error', () => {});
  }

  /** @returns The id of the purge, once Redis has acknowledged it. */
  async add(payload: PurgeJobPayload): Promise<string> {
    const id = randomUUID().replaceAll('-', '');
    const keep = { age: KEPT_SECONDS };
    const options = { jobId: id, attempts: ATTEMPTS, removeOnComplete: keep, removeOnFail: keep };
    await this.queue.add(PURGE_JOB, payload, options);
    return id;
  }

  read(id: string): Promise<PurgeJob | undefined> {
    return this.queue.getJob(id);
  }
}

/** The queue of purges, for operators alone. */
@Module({})
export class PurgeQueueModule {
  static register(config: ApiConfig, redis: RedisClient): DynamicModule {
    return {
      module: PurgeQueueModule,
      imports: [
        BullModule.registerQueue({
          ...{ name: PURGE_QUEUE, connection: redis, prefix: config.keyPrefix },
          // As with the queue of queries.
          skipVersionCheck: true,
        }),
      ],
      providers: [PurgeQueue],
      exports: [PurgeQueue],
    };
  }
}
