import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { ListenerOptions } from '../listener-options';
import { QueryQueueModule } from '../queue/query-queue.module';
import { OperatorModule } from './operator.module';

/** The operators' listener, ready to listen. */
export async function createOperatorApp({ config, redis, logger }: ListenerOptions): Promise<NestFastifyApplication> {
  const module = OperatorModule.register(QueryQueueModule.register(config, redis));
  return NestFactory.create<NestFastifyApplication>(module, new FastifyAdapter({ forceCloseConnections: true }), {
    logger,
    abortOnError: false,
  });
}
