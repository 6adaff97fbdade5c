import { BullModule } from '@nestjs/bullmq';
import { type DynamicModule, Module } from '@nestjs/common';
import type { RedisClient } from '#shared/redis/redis-client';
import { ApiConfig } from '#shared/config/api-config';
import { createQueueTelemetry } from '#shared/process/tracing';
import { QUERY_QUEUE } from '#shared/contract/query-job';
import { RedisRecordsModule } from '#shared/redis/redis-records.module';
import { QueryQueue } from './query-queue';
import { QueryList } from './query-list';
import { RedisClock } from './redis-clock';
import { REDIS } from './redis.token';

/** What both listeners share: the queue and the records behind it. */
@Module({})
export class QueryQueueModule {
  static register(config: ApiConfig, redis: RedisClient): DynamicModule {
    return {
      module: QueryQueueModule,
      imports: [
        RedisRecordsModule.register(redis, config),
        BullModule.registerQueue({
          name: QUERY_QUEUE,
          connection: redis,
          prefix: config.keyPrefix,
          // Left to the workers: asked while Redis goes away, the queue would be of no use for as long as the process lives.
          skipVersionCheck: true,
          ...createQueueTelemetry(config),
        }),
      ],
      providers: [
        QueryQueue,
        QueryList,
        RedisClock,
        { provide: REDIS, useValue: redis },
        { provide: ApiConfig, useValue: config },
      ],
      exports: [QueryQueue, QueryList, RedisClock, REDIS, ApiConfig, RedisRecordsModule, BullModule],
    };
  }
}
