import { BullModule, getQueueToken, InjectQueue, Processor } from '@nestjs/bullmq';
import { type DynamicModule, Module } from '@nestjs/common';
import type { Queue } from 'bullmq';
import type { RedisClient } from '#shared/redis/redis-client';
import type { WorkerConfig } from '#shared/config/worker-config';
import { PURGE_QUEUE } from '#shared/contract/purge-job';
import { toHashKeySource, toTableSource } from '#shared/config/worker-secrets';
import { QUERY_QUEUE } from '#shared/contract/query-job';
import { CallerQueries } from '#shared/redis/caller-queries';
import { Outcomes } from '#shared/redis/outcomes';
import { QueryHistories } from '#shared/redis/query-histories';
import { QueryPurge } from '#shared/redis/query-purge';
import { QueryRuns } from '#shared/redis/query-runs';
import { QueryStates } from '#shared/redis/query-states';
import { RecordKeys } from '#shared/redis/record-keys';
import { untilFit } from '#shared/redis/redis-fitness';
import { WorkerBeats } from '#shared/redis/worker-beats';
import { SecretReader } from '#shared/secrets/secret-reader';
import { Metrics } from '#shared/telemetry/metrics';
import { MetricsController } from '#shared/telemetry/metrics.controller';
import { Heartbeat } from './lifecycle/heartbeat';
import { RunningLimit } from './lifecycle/running-limit';
import { WorkerHealth } from './lifecycle/worker-health';
import { WorkerHealthController } from './lifecycle/worker-health.controller';
import { createWorkerIdentity } from './lifecycle/worker-identity';
import { WorkerStart } from './lifecycle/worker-start';
import { RunMetrics } from './metrics/run-metrics';
import { createTableScan, type OpenTable } from './create-table-scan';
import { PurgeProcessor } from './purges/purge.processor';
import { QueryExecution } from './queries/query-execution';
import { QueryProcessor } from './queries/query.processor';
import { toPurgeWorkerOptions, toWorkerOptions } from './queries/worker-options';
import { readHashKey } from './read-hash-key';
import { openTableConnection } from './table/open-table-connection';

/** To Redis. */
interface WorkerLines {
  redis: RedisClient;
  /** For day sets alone, which may be large. */
  bulk: RedisClient;
}

@Module({})
export class WorkerModule {
  constructor(@InjectQueue(QUERY_QUEUE) queries: Queue, @InjectQueue(PURGE_QUEUE) purges: Queue) {
    // The connection's own listener tells of outages; without this one BullMQ would print each error too.
    for (const queue of [queries, purges]) queue.on('error', () => {});
  }

  static register(config: WorkerConfig, { redis, bulk }: WorkerLines, metrics: Metrics): DynamicModule {
    // A decorator's arguments are fixed when the class is read; these come from the configuration.
    const worker = createWorkerIdentity();
    Processor(QUERY_QUEUE, toWorkerOptions(config, worker.id))(QueryProcessor);
    Processor(PURGE_QUEUE, toPurgeWorkerOptions(config))(PurgeProcessor);
    const keys = new RecordKeys(config.keyPrefix);
    const outcomes = new Outcomes(redis, keys, config.resultTtlSeconds);
    const states = new QueryStates(redis, keys, outcomes);
    const itself = { id: worker.id, histories: new QueryHistories(redis, keys) };
    const runs = new QueryRuns(redis, keys, config.lockSeconds * 1_000);
    const runMetrics = new RunMetrics(metrics);
    const createExecution = (table: OpenTable) => {
      const { pages, ports } = createTableScan(config, bulk, keys, table, metrics);
      const timeLimitMs = config.queryTimeLimitSeconds * 1_000;
      return { pages, execution: new QueryExecution(itself, runs, states, outcomes, ports, timeLimitMs, runMetrics) };
    };
    const needsIdentity = [toTableSource(config), toHashKeySource(config)].some(({ kind }) => kind !== 'plain');
    const secrets = new SecretReader({ ...config, needsIdentity });
    const queries = new CallerQueries(redis, keys, config.resultTtlSeconds).ofAll();
    const purging = new PurgeProcessor({ queries, states, purge: new QueryPurge(redis, keys) });
    return {
      module: WorkerModule,
      imports: [QUERY_QUEUE, PURGE_QUEUE].map((name) =>
        BullModule.registerQueue({
          ...{ name, connection: redis, prefix: config.keyPrefix },
          // Asked while Redis goes away or refuses, a queue would be of no use from then on.
          skipVersionCheck: true,
        }),
      ),
      controllers: [WorkerHealthController, MetricsController],
      providers: [
        QueryProcessor,
        { provide: PurgeProcessor, useValue: purging },
        { provide: Metrics, useValue: metrics },
        {
          provide: RunningLimit,
          useFactory: (queue: Queue) => new RunningLimit(queue, config.maxRunningQueries),
          inject: [getQueueToken(QUERY_QUEUE)],
        },
        {
          provide: WorkerStart,
          useFactory: (processor: QueryProcessor, limit: RunningLimit) =>
            new WorkerStart(processor, {
              openConnection: (signal) => openTableConnection(config, secrets, signal),
              readHashKey: (signal) => readHashKey(config, secrets, signal),
              createExecution,
              untilFit: (signal) => untilFit(redis, signal),
              beginPurges: () => purging.begin(),
              limitRunning: (signal) => limit.decide(signal),
            }),
          inject: [QueryProcessor, RunningLimit],
        },
        {
          provide: Heartbeat,
          useFactory: (start: WorkerStart, limit: RunningLimit) =>
            new Heartbeat(
              new WorkerBeats(redis, keys),
              worker,
              () => start.listRunning(),
              () => limit.restore(),
            ),
          inject: [WorkerStart, RunningLimit],
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
