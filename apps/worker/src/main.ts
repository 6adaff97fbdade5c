import '#shared/process/check-node';
import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { readEnvironment } from '#shared/config/environment';
import { parseConfig } from '#shared/config/parse-config';
import { WorkerConfig } from '#shared/config/worker-config';
import { createLogger } from '#shared/process/create-logger';
import { logRedisOutages, logRedisRefusals } from '#shared/redis/redis-outages';
import { runUntilSignal } from '#shared/process/run-until-signal';
import { connectForWork } from '#shared/redis/connections';
import { watchRedisFitness } from '#shared/redis/redis-fitness';
import { Metrics } from '#shared/process/metrics';
import { startTracing } from '#shared/process/tracing';
import { observeRedis } from '#shared/redis/observe-redis';
import { drain } from './lifecycle/bullmq-workers';
import { refuseForeignHosts } from './lifecycle/refuse-foreign-hosts';
import { WorkerStart } from './lifecycle/worker-start';
import { QueryProcessor } from './queries/query.processor';
import { PurgeProcessor } from './tasks/purge.processor';
import { WorkerModule } from './worker.module';

void runUntilSignal(async () => {
  const config = parseConfig(WorkerConfig, readEnvironment());
  const tracing = await startTracing(config, 'audit-query-worker');
  const logger = createLogger(config, 'audit-query-worker', { readContext: tracing?.readContext });
  const redis = connectForWork(config.redisUrl, config.redisTlsCaFile);
  logRedisOutages(redis);
  // Day sets have a connection of their own: behind megabytes on one connection, the locks of queries would expire.
  const bulk = connectForWork(config.redisUrl, config.redisTlsCaFile);
  // Outages are logged for the other connection.
  bulk.on('error', () => {});
  logRedisRefusals(redis, bulk);
  watchRedisFitness(redis, config.keyPrefix);
  const metrics = new Metrics('worker');
  observeRedis(metrics, redis, config.keyPrefix);
  const adapter = new FastifyAdapter({ forceCloseConnections: true });
  refuseForeignHosts(adapter.getInstance(), config.healthHost);
  const app = await NestFactory.create<NestFastifyApplication>(
    WorkerModule.register(config, { redis, bulk }, metrics),
    adapter,
    { logger, abortOnError: false },
  );
  await app.listen(config.healthPort, config.healthHost);
  logger.log(`Worker started; health at ${await app.getUrl()}`);
  const start = app.get(WorkerStart);
  // Not awaited: the process must handle signals while a vault is unreachable.
  start.begin().catch((error: unknown) => {
    logger.fatal(error);
    process.exit(1);
  });
  return {
    graceSeconds: config.shutdownGraceSeconds,
    close: async () => {
      start.stop();
      const queries = app.get(QueryProcessor);
      const purges = app.get(PurgeProcessor).worker;
      await Promise.all([
        drain(queries.worker, (reason) => queries.cancelRuns(reason)),
        drain(purges, (reason) => purges.cancelAllJobs(reason)),
      ]);
      start.close();
      await app.close();
      await tracing?.stop();
    },
  };
});
