import { getQueueToken } from '@nestjs/bullmq';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { Queue } from 'bullmq';
import { QUERY_QUEUE } from '#shared/contract/query-job';
import { RecordKeys } from '#shared/redis/record-keys';
import type { ListenerOptions } from '../listener-options';
import { observeQueue } from '../metrics/observe-queue';
import { QueryQueueModule } from '../queue/query-queue.module';
import { OperatorModule } from './operator.module';

/** The operators' listener, ready to listen. */
export async function createOperatorApp({
  config,
  redis,
  logger,
  metrics,
}: ListenerOptions): Promise<NestFastifyApplication> {
  const module = OperatorModule.register(QueryQueueModule.register(config, redis), metrics);
  const app = await NestFactory.create<NestFastifyApplication>(
    module,
    new FastifyAdapter({ forceCloseConnections: true }),
    {
      logger,
      abortOnError: false,
    },
  );
  const keys = new RecordKeys(config.keyPrefix);
  if (metrics) observeQueue(metrics, redis, keys, app.get<Queue>(getQueueToken(QUERY_QUEUE), { strict: false }));
  return app;
}
