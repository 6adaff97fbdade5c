import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { ListenerOptions } from '../listener-options';
import { QueryQueueModule } from '../queue/query-queue.module';
import { acceptJsonOnly, BODY_LIMIT_BYTES } from './accept-json-only';
import { setupDocs } from './docs/setup-docs';
import { answerOtherMethods } from './errors/answer-other-methods';
import { ProblemError } from './errors/problem-error';
import { sendProblem } from './errors/problem.filter';
import { PublicModule } from './public.module';

/** The callers' listener, ready to listen. */
export async function createPublicApp({ config, redis, logger }: ListenerOptions): Promise<NestFastifyApplication> {
  const adapter = new FastifyAdapter({
    bodyLimit: BODY_LIMIT_BYTES,
    forceCloseConnections: true,
    // What the router itself refuses, such as a path with a bad percent-encoding.
    frameworkErrors: (_error: unknown, request: FastifyRequest, reply: FastifyReply) =>
      sendProblem(new ProblemError('ROUTE_NOT_FOUND'), request, reply),
  });
  const fastify = adapter.getInstance();
  const finishRoutes = answerOtherMethods(fastify);
  const module = PublicModule.register(QueryQueueModule.register(config, redis));
  const app = await NestFactory.create<NestFastifyApplication>(module, adapter, {
    logger,
    bodyParser: false,
    abortOnError: false,
  });
  acceptJsonOnly(fastify);
  setupDocs(app);
  await app.init();
  finishRoutes();
  return app;
}
