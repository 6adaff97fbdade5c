import { type DynamicModule, Module } from '@nestjs/common';
import { Metrics } from '#shared/process/metrics';
import { MetricsController } from '#shared/process/metrics.controller';
import { APP_FILTER } from '@nestjs/core';
import type { RedisClient } from '#shared/redis/redis-client';
import type { ApiConfig } from '#shared/config/api-config';
import { PurgeQueueModule } from '../queue/purge-queue';
import { createBoardModules } from './board/create-board-modules';
import { OperatorQueriesController } from './management/operator-queries.controller';
import { Purges } from './management/purges';
import { PurgesController } from './management/purges.controller';
import { QueryInspection, QueryManagement } from './management/query-management';
import { QuerySuccessions } from './management/query-successions';
import { ServiceController } from './management/service.controller';
import { OperatorErrorFilter } from './operator-error.filter';

/** Everything that operators can reach, and nothing of what callers can. */
@Module({})
export class OperatorModule {
  /** @param queue What both listeners share. */
  static register(config: ApiConfig, redis: RedisClient, queue: DynamicModule, metrics?: Metrics): DynamicModule {
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
        QueryInspection,
        QueryManagement,
        QuerySuccessions,
        Purges,
        { provide: APP_FILTER, useClass: OperatorErrorFilter },
        ...(metrics ? [{ provide: Metrics, useValue: metrics }] : []),
      ],
    };
  }
}
