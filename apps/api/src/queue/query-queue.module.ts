import { BullModule } from '@nestjs/bullmq';
import { type DynamicModule, Module } from '@nestjs/common';
import type { RedisClient } from '#shared/redis/redis-client';
import { ApiConfig } from '#shared/config/api-config';
import { createQueueTelemetry } from '#shared/telemetry/create-queue-telemetry';
import { QUERY_QUEUE } from '#shared/contract/query-job';
import { CallerQueries } from '#shared/redis/caller-queries';
import { Outcomes } from '#shared/redis/outcomes';
import { QueryStates } from '#shared/redis/query-states';
import { RecordKeys } from '#shared/redis/record-keys';
import { QueryQueue } from './query-queue';
import { RedisClock } from './redis-clock';
import { REDIS } from './redis.token';

/** What both listeners share: the queue and the records behind it. */
@Module({})
export class QueryQueueModule {
  static register(config: ApiConfig, redis: RedisClient): DynamicModule {
    const keys = new RecordKeys(config.keyPrefix);
    const outcomes = new Outcomes(redis, keys, config.resultTtlSeconds);
    return {
      module: QueryQueueModule,
      imports: [
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
        RedisClock,
        { provide: REDIS, useValue: redis },
        { provide: ApiConfig, useValue: config },
        { provide: Outcomes, useValue: outcomes },
        { provide: CallerQueries, useValue: new CallerQueries(redis, keys, config.resultTtlSeconds) },
        { provide: QueryStates, useValue: new QueryStates(redis, keys, outcomes) },
      ],
      exports: [QueryQueue, RedisClock, REDIS, ApiConfig, Outcomes, CallerQueries, QueryStates, BullModule],
    };
  }
}
