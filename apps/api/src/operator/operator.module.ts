import { type DynamicModule, Module } from '@nestjs/common';
import { Metrics } from '#shared/telemetry/metrics';
import { MetricsController } from '#shared/telemetry/metrics.controller';
import { APP_FILTER } from '@nestjs/core';
import type { RedisClient } from '#shared/redis/redis-client';
import type { ApiConfig } from '#shared/config/api-config';
import { AuditLog } from '#shared/redis/audit-log';
import { JobHolders } from '#shared/redis/job-holders';
import { QueryHistories } from '#shared/redis/query-histories';
import { QueryPurge } from '#shared/redis/query-purge';
import { RecordKeys } from '#shared/redis/record-keys';
import { WorkerBeats } from '#shared/redis/worker-beats';
import { PurgeQueueModule } from '../queue/purge-queue';
import { createBoardModules } from './board/create-board-modules';
import { OperatorQueriesController } from './management/operator-queries.controller';
import { Purges } from './management/purges';
import { PurgesController } from './management/purges.controller';
import { QueryManagement } from './management/query-management';
import { ServiceController } from './management/service.controller';
import { OperatorErrorFilter } from './operator-error.filter';

/** Everything that operators can reach, and nothing of what callers can. */
@Module({})
export class OperatorModule {
  /** @param queue What both listeners share. */
  static register(config: ApiConfig, redis: RedisClient, queue: DynamicModule, metrics?: Metrics): DynamicModule {
    const keys = new RecordKeys(config.keyPrefix);
    return {
      module: OperatorModule,
      imports: [queue, PurgeQueueModule.register(config, redis), ...createBoardModules(config.boardReadOnly)],
      controllers: [
        OperatorQueriesController,
        PurgesController,
        ServiceController,
        ...(metrics ? [MetricsController] : []),
      ],
      providers: [
        QueryManagement,
        Purges,
        { provide: AuditLog, useValue: new AuditLog(redis, keys) },
        { provide: JobHolders, useValue: new JobHolders(redis, keys) },
        { provide: QueryHistories, useValue: new QueryHistories(redis, keys) },
        { provide: QueryPurge, useValue: new QueryPurge(redis, keys) },
        { provide: WorkerBeats, useValue: new WorkerBeats(redis, keys) },
        { provide: APP_FILTER, useClass: OperatorErrorFilter },
        ...(metrics ? [{ provide: Metrics, useValue: metrics }] : []),
      ],
    };
  }
}
