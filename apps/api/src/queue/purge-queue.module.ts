import { BullModule } from '@nestjs/bullmq';
import { type DynamicModule, Module } from '@nestjs/common';
import type { RedisClient } from '#shared/redis/redis-client';
import type { ApiConfig } from '#shared/config/api-config';
import { PURGE_QUEUE } from '#shared/contract/purge-job';
import { PurgeQueue } from './purge-queue';

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
