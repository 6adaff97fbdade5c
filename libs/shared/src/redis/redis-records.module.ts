import { type DynamicModule, Module } from '@nestjs/common';
import { AuditLog } from './audit-log';
import { CallerQueries } from './caller-queries';
import { Outcomes } from './outcomes';
import { QueryHistories } from './query-histories';
import { QueryPurge } from './query-purge';
import { JobHolders } from './query-runs';
import { QueryCounts, QueryStates } from './query-states';
import { RecordKeys } from './record-keys';
import type { RedisClient } from './redis-client';
import { WorkerBeats } from './worker-beats';

/** The records in Redis that both the API and the workers read or write. */
@Module({})
export class RedisRecordsModule {
  /** @param options The members of either application's configuration. */
  static register(
    redis: RedisClient,
    { keyPrefix, resultTtlSeconds }: { keyPrefix: string; resultTtlSeconds: number },
  ): DynamicModule {
    const keys = new RecordKeys(keyPrefix);
    const outcomes = new Outcomes(redis, keys, resultTtlSeconds);
    const states = new QueryStates(redis, keys, outcomes);
    const records = [
      keys,
      outcomes,
      states,
      new AuditLog(redis, keys),
      new CallerQueries(redis, keys, resultTtlSeconds),
      new JobHolders(redis, keys),
      new QueryCounts(redis, keys, states),
      new QueryHistories(redis, keys),
      new QueryPurge(redis, keys),
      new WorkerBeats(redis, keys),
    ];
    const providers = records.map((record) => ({ provide: record.constructor, useValue: record }));
    return { module: RedisRecordsModule, providers, exports: records.map((record) => record.constructor) };
  }
}
