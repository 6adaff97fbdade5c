import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Redis } from 'ioredis';
import type { ListenerOptions } from '../listener-options';
import { QueryQueueModule } from '../queue/query-queue.module';
import { acceptJsonOnly, BODY_LIMIT_BYTES } from './accept-json-only';
import { setupDocs } from './docs/setup-docs';
import { endConnectionsOnClose } from './end-connections';
import { answerOtherMethods } from '../errors/answer-other-methods';
import { ProblemError } from '../errors/problem-error';
import { sendError } from './errors/send-error';
import { EXPOSED_HEADERS } from './queries/query-responder';
import { PublicModule } from './public.module';

/** How long a browser may keep the answer to a preflight. */
const PREFLIGHT_MAX_AGE_SECONDS = 600;

export interface PublicListenerOptions extends ListenerOptions {
  /** Hears of changes; made for work, since it only listens. */
  subscriber: Redis;
}

/** The callers' listener, ready to listen. */
export async function createPublicApp({
  config,
  redis,
  subscriber,
  logger,
}: PublicListenerOptions): Promise<NestFastifyApplication> {
  const adapter = new FastifyAdapter({
    bodyLimit: BODY_LIMIT_BYTES,
    // What is being answered is answered; those who wait are sent on by `QueryStreams`.
    forceCloseConnections: 'idle',
    // Longer than any id; what is longer than that is no route.
    routerOptions: { maxParamLength: 2_000 },
    // What the router itself refuses, such as a path with a bad percent-encoding.
    frameworkErrors: (_error: unknown, request: FastifyRequest, reply: FastifyReply) =>
      sendError(new ProblemError('ROUTE_NOT_FOUND'), request, reply),
  });
  const fastify = adapter.getInstance();
  const finishRoutes = answerOtherMethods(fastify, sendError);
  const module = PublicModule.register(QueryQueueModule.register(config, redis), subscriber);
  const app = await NestFactory.create<NestFastifyApplication>(module, adapter, {
    logger,
    bodyParser: false,
    abortOnError: false,
  });
  acceptJsonOnly(fastify);
  endConnectionsOnClose(fastify);
  if (config.corsOrigins.length > 0) {
    app.enableCors({
      origin: config.corsOrigins,
      methods: ['GET', 'HEAD', 'POST', 'DELETE'],
      exposedHeaders: EXPOSED_HEADERS,
      maxAge: PREFLIGHT_MAX_AGE_SECONDS,
      strictPreflight: false,
    });
  }
  setupDocs(app);
  await app.init();
  finishRoutes();
  return app;
}
