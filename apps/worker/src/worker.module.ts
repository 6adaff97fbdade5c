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
import { SecretReader } from '#shared/secrets/secret-reader';
import { WorkerHealth } from './lifecycle/worker-health';
import { WorkerHealthController } from './lifecycle/worker-health.controller';
import { WorkerStart } from './lifecycle/worker-start';
import { createTableScan, type OpenTable } from './create-table-scan';
import { QueryExecution } from './queries/query-execution';
import { QueryProcessor } from './queries/query.processor';
import { toWorkerOptions } from './queries/worker-options';
import { readHashKey } from './read-hash-key';
import { openTableConnection } from './table/open-table-connection';

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
    const states = new QueryStates(redis, keys, outcomes);
    const createExecution = (table: OpenTable) => {
      const { pages, ports } = createTableScan(config, redis, keys, table);
      const timeLimitMs = config.queryTimeLimitSeconds * 1_000;
      return { pages, execution: new QueryExecution(new QueryRuns(redis, keys), states, outcomes, ports, timeLimitMs) };
    };
    const secrets = new SecretReader(config);
    return {
      module: WorkerModule,
      imports: [BullModule.registerQueue({ name: QUERY_QUEUE, connection: redis, prefix: config.keyPrefix })],
      controllers: [WorkerHealthController],
      providers: [
        QueryProcessor,
        {
          provide: WorkerStart,
          useFactory: (processor: QueryProcessor) =>
            new WorkerStart(processor, {
              openConnection: (signal) => openTableConnection(config, secrets, signal),
              readHashKey: (signal) => readHashKey(config, secrets, signal),
              createExecution,
            }),
          inject: [QueryProcessor],
        },
        {
          provide: WorkerHealth,
          useFactory: (processor: QueryProcessor, start: WorkerStart) => new WorkerHealth(redis, processor, start),
          inject: [QueryProcessor, WorkerStart],
        },
      ],
    };
  }
}
