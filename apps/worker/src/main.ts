import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { readEnvironment } from '#shared/config/environment';
import { parseConfig } from '#shared/config/parse-config';
import { WorkerConfig } from '#shared/config/worker-config';
import { createLogger } from '#shared/lifecycle/create-logger';
import { logRedisOutages } from '#shared/lifecycle/log-redis-outages';
import { runUntilSignal } from '#shared/lifecycle/run-until-signal';
import { connectForWork } from '#shared/redis/connections';
import { drain } from './lifecycle/drain';
import { PurgeProcessor } from './purges/purge.processor';
import { QueryProcessor } from './queries/query.processor';
import { WorkerModule } from './worker.module';

void runUntilSignal(async () => {
  const config = parseConfig(WorkerConfig, readEnvironment());
  const logger = createLogger(config);
  const redis = connectForWork(config.redisUrl);
  logRedisOutages(redis);
  const app = await NestFactory.create<NestFastifyApplication>(
    WorkerModule.register(config, redis),
    new FastifyAdapter({ forceCloseConnections: true }),
    { logger, abortOnError: false },
  );
  await app.listen(config.healthPort, config.healthHost);
  logger.log(`Taking queries; health at ${await app.getUrl()}`);
  return {
    graceSeconds: config.shutdownGraceSeconds,
    close: async () => {
      await Promise.all([QueryProcessor, PurgeProcessor].map((processor) => drain(app.get(processor).worker)));
      await app.close();
    },
  };
});
