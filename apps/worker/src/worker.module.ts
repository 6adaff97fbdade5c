import { BullModule, InjectQueue, Processor } from '@nestjs/bullmq';
import { type DynamicModule, Module } from '@nestjs/common';
import type { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import type { WorkerConfig } from '#shared/config/worker-config';
import { PURGE_QUEUE } from '#shared/contract/purge-job';
import { QUERY_QUEUE } from '#shared/contract/query-job';
import { CallerQueries } from '#shared/redis/caller-queries';
import { Outcomes } from '#shared/redis/outcomes';
import { QueryHistories } from '#shared/redis/query-histories';
import { QueryPurge } from '#shared/redis/query-purge';
import { QueryRuns } from '#shared/redis/query-runs';
import { QueryStates } from '#shared/redis/query-states';
import { RecordKeys } from '#shared/redis/record-keys';
import { WorkerBeats } from '#shared/redis/worker-beats';
import { Heartbeat } from './lifecycle/heartbeat';
import { WorkerHealth } from './lifecycle/worker-health';
import { WorkerHealthController } from './lifecycle/worker-health.controller';
import { createWorkerIdentity } from './lifecycle/worker-identity';
import { createTableScan } from './create-table-scan';
import { PurgeProcessor } from './purges/purge.processor';
import { QueryExecution } from './queries/query-execution';
import { QueryProcessor } from './queries/query.processor';
import { toPurgeWorkerOptions, toWorkerOptions } from './queries/worker-options';

@Module({})
export class WorkerModule {
  constructor(@InjectQueue(QUERY_QUEUE) queries: Queue, @InjectQueue(PURGE_QUEUE) purges: Queue) {
    // The connection's own listener tells of outages; without this one BullMQ would print each error too.
    for (const queue of [queries, purges]) queue.on('error', () => {});
  }

  static register(config: WorkerConfig, redis: Redis): DynamicModule {
    // A decorator's arguments are fixed when the class is read; these come from the configuration.
    const worker = createWorkerIdentity();
    Processor(QUERY_QUEUE, toWorkerOptions(config, worker.id))(QueryProcessor);
    Processor(PURGE_QUEUE, toPurgeWorkerOptions(config))(PurgeProcessor);
    const keys = new RecordKeys(config.keyPrefix);
    const outcomes = new Outcomes(redis, keys, config.resultTtlSeconds);
    const scan = createTableScan(config, redis, keys);
    const states = new QueryStates(redis, keys, outcomes);
    const execution = new QueryExecution(
      { id: worker.id, histories: new QueryHistories(redis, keys) },
      new QueryRuns(redis, keys),
      states,
      outcomes,
      scan.ports,
      config.queryTimeLimitSeconds * 1_000,
    );
    const queries = new CallerQueries(redis, keys, config.resultTtlSeconds).ofAll();
    const purging = new PurgeProcessor({ queries, states, purge: new QueryPurge(redis, keys) });
    return {
      module: WorkerModule,
      imports: [QUERY_QUEUE, PURGE_QUEUE].map((name) =>
        BullModule.registerQueue({ name, connection: redis, prefix: config.keyPrefix }),
      ),
      controllers: [WorkerHealthController],
      providers: [
        QueryProcessor,
        { provide: QueryExecution, useValue: execution },
        { provide: PurgeProcessor, useValue: purging },
        {
          provide: Heartbeat,
          useFactory: () => new Heartbeat(new WorkerBeats(redis, keys), worker, () => execution.listRunning()),
        },
        {
          provide: WorkerHealth,
          useFactory: (processor: QueryProcessor) => new WorkerHealth(redis, processor, scan.pages),
          inject: [QueryProcessor],
        },
      ],
    };
  }
}
