import { BullModule, getQueueToken, InjectQueue, Processor } from '@nestjs/bullmq';
import { type DynamicModule, Module } from '@nestjs/common';
import type { Queue } from 'bullmq';
import type { WorkerConfig } from '#shared/config/worker-config';
import { toHashKeySource, toTableSource } from '#shared/config/secret-sources';
import { PURGE_QUEUE } from '#shared/contract/purge-job';
import { QUERY_QUEUE } from '#shared/contract/query-job';
import { Outcomes } from '#shared/redis/outcomes';
import { QueryHistories } from '#shared/redis/query-histories';
import { QueryRuns } from '#shared/redis/query-runs';
import { QueryStates } from '#shared/redis/query-states';
import { RecordKeys } from '#shared/redis/record-keys';
import { RedisRecordsModule } from '#shared/redis/redis-records.module';
import type { RedisClient } from '#shared/redis/redis-client';
import { untilFit } from '#shared/redis/redis-fitness';
import { WorkerBeats } from '#shared/redis/worker-beats';
import { SecretReader } from '#shared/secrets/secret-reader';
import { Metrics } from '#shared/process/metrics';
import { MetricsController } from '#shared/process/metrics.controller';
import { toPurgeWorkerOptions, toQueryWorkerOptions } from './lifecycle/bullmq-workers';
import { createTableScan, readHashKey } from './lifecycle/create-table-scan';
import { createWorkerIdentity, Heartbeat } from './lifecycle/heartbeat';
import { RunningLimit } from './lifecycle/running-limit';
import { WorkerHealth } from './lifecycle/worker-health';
import { WorkerHealthController } from './lifecycle/worker-health.controller';
import { WorkerStart } from './lifecycle/worker-start';
import { OutcomePublisher } from './queries/outcome-publisher';
import { QueryExecution } from './queries/query-execution';
import { QueryProcessor } from './queries/query.processor';
import { openTableConnection } from './table/open-table-connection';
import { PurgeProcessor } from './tasks/purge.processor';
import { RunMetrics } from './telemetry/run-metrics';

interface WorkerConnections {
  redis: RedisClient;
  /** For day sets alone, which may have megabytes. */
  bulk: RedisClient;
}

@Module({})
export class WorkerModule {
  constructor(@InjectQueue(QUERY_QUEUE) queries: Queue, @InjectQueue(PURGE_QUEUE) purges: Queue) {
    // The connection logs outages once; without this listener BullMQ would print each error.
    for (const queue of [queries, purges]) queue.on('error', () => {});
  }

  static register(config: WorkerConfig, { redis, bulk }: WorkerConnections, metrics: Metrics): DynamicModule {
    // A decorator's arguments are fixed when the class is loaded; these come from the configuration.
    const worker = createWorkerIdentity();
    Processor(QUERY_QUEUE, toQueryWorkerOptions(config, worker.id))(QueryProcessor);
    Processor(PURGE_QUEUE, toPurgeWorkerOptions(config))(PurgeProcessor);
    const runMetrics = new RunMetrics(metrics);
    const needsIdentity = [toTableSource(config), toHashKeySource(config)].some(({ kind }) => kind !== 'plain');
    const secrets = new SecretReader({ ...config, needsIdentity });
    return {
      module: WorkerModule,
      imports: [
        RedisRecordsModule.register(redis, config),
        ...[QUERY_QUEUE, PURGE_QUEUE].map((name) =>
          BullModule.registerQueue({
            ...{ name, connection: redis, prefix: config.keyPrefix },
            // A version check that fails while Redis is unreachable or refuses would disable the queue for good.
            skipVersionCheck: true,
          }),
        ),
      ],
      controllers: [WorkerHealthController, MetricsController],
      providers: [
        QueryProcessor,
        {
          provide: OutcomePublisher,
          useFactory: (states: QueryStates, outcomes: Outcomes) =>
            new OutcomePublisher(states, outcomes, (outcome) => runMetrics.onEnd(outcome)),
          inject: [QueryStates, Outcomes],
        },
        PurgeProcessor,
        { provide: Metrics, useValue: metrics },
        {
          provide: RunningLimit,
          useFactory: (queue: Queue) => new RunningLimit(queue, config.maxRunningQueries),
          inject: [getQueueToken(QUERY_QUEUE)],
        },
        {
          provide: WorkerStart,
          useFactory: (
            queries: QueryProcessor,
            purges: PurgeProcessor,
            limit: RunningLimit,
            publisher: OutcomePublisher,
            keys: RecordKeys,
            histories: QueryHistories,
          ) => {
            const runs = new QueryRuns(redis, keys, config.lockSeconds * 1_000);
            return new WorkerStart(queries, purges, limit, {
              openConnection: (signal) => openTableConnection(config, secrets, signal),
              readHashKey: (signal) => readHashKey(config, secrets, signal),
              async createExecution(table) {
                const { pages, ports } = await createTableScan(config, bulk, keys, table, metrics);
                const execution = new QueryExecution({ runs, histories }, publisher, ports, {
                  workerId: worker.id,
                  timeLimitMs: config.queryTimeLimitSeconds * 1_000,
                  onBegin: (waitedMs) => runMetrics.onBegin(waitedMs),
                });
                return { pages, execution };
              },
              untilFit: (signal) => untilFit(redis, signal),
            });
          },
          inject: [QueryProcessor, PurgeProcessor, RunningLimit, OutcomePublisher, RecordKeys, QueryHistories],
        },
        {
          provide: Heartbeat,
          useFactory: (beats: WorkerBeats, start: WorkerStart, limit: RunningLimit) =>
            new Heartbeat(
              beats,
              worker,
              () => start.listRunning(),
              () => limit.restore(),
            ),
          inject: [WorkerBeats, WorkerStart, RunningLimit],
        },
        {
          provide: WorkerHealth,
          useFactory: (processor: QueryProcessor, start: WorkerStart) =>
            new WorkerHealth(redis, processor, start, config),
          inject: [QueryProcessor, WorkerStart],
        },
      ],
    };
  }
}
