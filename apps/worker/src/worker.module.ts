import { BullModule, InjectQueue, Processor } from '@nestjs/bullmq';
import { type DynamicModule, Module } from '@nestjs/common';
import type { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import type { WorkerConfig } from '#shared/config/worker-config';
import { QUERY_QUEUE } from '#shared/contract/query-job';
import { Outcomes } from '#shared/redis/outcomes';
import { QueryRuns } from '#shared/redis/query-runs';
import { QueryStates } from '#shared/redis/query-states';
import { RecordKeys } from '#shared/redis/record-keys';
import { WorkerHealth } from './lifecycle/worker-health';
import { WorkerHealthController } from './lifecycle/worker-health.controller';
import { createTableScan } from './create-table-scan';
import { QueryExecution } from './queries/query-execution';
import { QueryProcessor } from './queries/query.processor';
import { toWorkerOptions } from './queries/worker-options';

@Module({})
export class WorkerModule {
  constructor(@InjectQueue(QUERY_QUEUE) queue: Queue) {
    // The connection's own listener tells of outages; without this one BullMQ would print each error too.
    queue.on('error', () => {});
  }

  static register(config: WorkerConfig, redis: Redis): DynamicModule {
    // A decorator's arguments are fixed when the class is read; these come from the configuration.
    Processor(QUERY_QUEUE, toWorkerOptions(config))(QueryProcessor);
    const keys = new RecordKeys(config.keyPrefix);
    const outcomes = new Outcomes(redis, keys, config.resultTtlSeconds);
    const scan = createTableScan(config, redis, keys);
    const execution = new QueryExecution(
      new QueryRuns(redis, keys),
      new QueryStates(redis, keys, outcomes),
      outcomes,
      scan.ports,
      config.queryTimeLimitSeconds * 1_000,
    );
    return {
      module: WorkerModule,
      imports: [BullModule.registerQueue({ name: QUERY_QUEUE, connection: redis, prefix: config.keyPrefix })],
      controllers: [WorkerHealthController],
      providers: [
        QueryProcessor,
        { provide: QueryExecution, useValue: execution },
        {
          provide: WorkerHealth,
          useFactory: (processor: QueryProcessor) => new WorkerHealth(redis, processor, scan.pages),
          inject: [QueryProcessor],
        },
      ],
    };
  }
}
