import { type DynamicModule, Module } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import { ProblemFilter } from './errors/problem.filter';
import { HealthController } from './health/health.controller';
import { OriginalController } from './original/original.controller';
import { QueriesController } from './queries/queries.controller';
import { QueryService } from './queries/query-service';

/** Everything that callers can reach, and nothing of what operators can. */
@Module({})
export class PublicModule {
  static register(queue: DynamicModule): DynamicModule {
    return {
      module: PublicModule,
      imports: [queue],
      controllers: [QueriesController, OriginalController, HealthController],
      providers: [QueryService, { provide: APP_FILTER, useClass: ProblemFilter }],
    };
  }
}
