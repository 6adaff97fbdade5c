import type { Server } from 'node:net';
import { Logger } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Redis } from 'ioredis';
import { createFastify, RECEIVE_TIMES } from '../http/create-fastify';
import type { ListenerOptions } from '../listener-options';
import { isTracing } from '#shared/process/tracing';
import { observeRequests, observeWaiting } from '../telemetry/observe-requests';
import { QueryQueueModule } from '../queue/query-queue.module';
import { toSecurityHeaders } from '../http/headers';
import { acceptJsonOnly, BODY_LIMIT_BYTES } from '../http/bodies';
import { authenticateRequests } from '../auth/authenticate-requests';
import { createAuthenticator } from '../auth/create-authenticator';
import { refuseCrossSite } from '../http/refuse-cross-site';
import { setupDocs } from '../openapi/setup-docs';
import { endConnectionsOnClose } from '../http/end-connections';
import { limitRequests, RequestLimiter } from './queries/request-limits';
import { answerOtherMethods } from '../http/answer-other-methods';
import { EXPLANATION, sendError } from './send-error';
import { OnceAMinute } from '../http/once-a-minute';
import { ProblemError } from '../http/problem-error';
import { EVENT_TIMES, type EventTimes } from './queries/live/event-stream';
import { EXPOSED_HEADERS } from './queries/query-responder';
import { EventStreams } from './queries/live/event-streams';
import { LiveQueries } from './queries/live/live-queries';
import { traceSubmissions } from '../telemetry/trace-submissions';
import { PublicModule } from './public.module';

/** How long a browser may keep the answer to a preflight. */
const PREFLIGHT_MAX_AGE_SECONDS = 600;

export interface PublicListenerOptions extends ListenerOptions {
  /** Hears of changes; made for work, since it only listens. */
  subscriber: Redis;
  /** For tests, which are in more of a hurry. */
  eventTimes?: EventTimes;
}

/**
 * The callers' listener, ready to listen.
 *
 * @throws ConfigInvalidError when what `AUTH_MODE` needs cannot be had.
 */
export async function createPublicApp({
  config,
  redis,
  subscriber,
  logger,
  metrics,
  eventTimes = EVENT_TIMES,
  receiveTimes = RECEIVE_TIMES,
}: PublicListenerOptions): Promise<NestFastifyApplication> {
  const authenticator = await createAuthenticator(config);
  const basePath = config.publicBasePath;
  const answerError = (problem: ProblemError, request: FastifyRequest, reply: FastifyReply) =>
    sendError(problem, request, reply, basePath);
  const fastify = createFastify(
    {
      bodyLimit: BODY_LIMIT_BYTES,
      // What is being answered is answered; `LiveQueries` ends the waits.
      forceCloseConnections: 'idle',
      // Longer than any id; what is longer than that is no route.
      // `/api/submit/query/?…` is the same route, as it is for the original.
      routerOptions: { maxParamLength: 2_000, ignoreTrailingSlash: true },
    },
    receiveTimes,
    {
      headers: toSecurityHeaders(config.publicBaseUrl),
      explanation: basePath + EXPLANATION,
      basePath,
      sendError: answerError,
    },
  );
  const adapter = new FastifyAdapter(fastify);
  if (metrics) observeRequests(metrics, fastify);
  if (isTracing(config)) traceSubmissions(fastify);
  const finishRoutes = answerOtherMethods(adapter, answerError);
  const module = PublicModule.register(QueryQueueModule.register(config, redis), {
    subscriber,
    authenticator,
    eventTimes,
  });
  const app = await NestFactory.create<NestFastifyApplication>(module, adapter, {
    logger,
    bodyParser: false,
    abortOnError: false,
  });
  acceptJsonOnly(fastify);
  // Half of what the process has: others have to end too, after this.
  endConnectionsOnClose(fastify, config.shutdownGraceSeconds * 500);
  // With a credential, a page of another site has none to send. Without one, it could use the browser of any visitor.
  const trustedOrigins = [
    ...config.corsOrigins,
    ...(config.publicBaseUrl ? [new URL(config.publicBaseUrl).origin] : []),
  ];
  authenticateRequests(fastify, authenticator, (headers) => {
    if (config.authMode === 'none') refuseCrossSite(headers, trustedOrigins);
  });
  limitRequests(fastify, app.get(RequestLimiter), redis);
  limitConnections(fastify.server, config.maxConnections);
  if (config.corsOrigins.length > 0) {
    app.enableCors({
      origin: config.corsOrigins,
      methods: ['GET', 'HEAD', 'POST', 'DELETE'],
      exposedHeaders: EXPOSED_HEADERS,
      maxAge: PREFLIGHT_MAX_AGE_SECONDS,
      strictPreflight: false,
    });
  }
  setupDocs(app, basePath);
  await app.init();
  finishRoutes();
  if (metrics) {
    const [live, streams] = [app.get(LiveQueries), app.get(EventStreams)];
    observeWaiting(metrics, () => ({ listeners: live.listenerCount, streams: streams.count }));
  }
  return app;
}

/** Node closes each connection beyond `most` as soon as it has accepted it. */
function limitConnections(server: Server, most: number): void {
  const logger = new Logger('PublicListener');
  const entries = new OnceAMinute();
  server.maxConnections = most;
  server.on('drop', () => {
    if (entries.isDue('drop')) logger.warn({ most }, 'MAX_CONNECTIONS are open; new connections are closed');
  });
}
