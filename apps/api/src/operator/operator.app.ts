import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { AuditLog } from '#shared/redis/audit-log';
import { QueryCounts } from '#shared/redis/query-states';
import { RecordKeys } from '#shared/redis/record-keys';
import { WorkerBeats } from '#shared/redis/worker-beats';
import { answerOtherMethods } from '../http/answer-other-methods';
import { createFastify, RECEIVE_TIMES } from '../http/create-fastify';
import type { ListenerOptions } from '../listener-options';
import { observeQueue } from '../telemetry/observe-queue';
import { QueryQueue } from '../queue/query-queue';
import { QueryQueueModule } from '../queue/query-queue.module';
import { SECURITY_HEADERS } from '../http/headers';
import { auditAccesses } from './audit/audit-accesses';
import { auditChanges } from './audit/audit-changes';
import { createOperatorAuthenticator } from '../auth/create-authenticator';
import { createOperatorDocument } from '../openapi/operator-document';
import { guardListener } from './guard-listener';
import { ignoreBodies } from '../http/bodies';
import { OperatorModule } from './operator.module';
import { EXPLANATION, sendOperatorError } from './operator-error.filter';

/**
 * The operators' listener, ready to listen.
 *
 * @throws ConfigInvalidError when what `OPERATOR_AUTH` needs cannot be had.
 */
export async function createOperatorApp({
  config,
  redis,
  logger,
  metrics,
  receiveTimes = RECEIVE_TIMES,
}: ListenerOptions): Promise<NestFastifyApplication> {
  const authenticator = await createOperatorAuthenticator(config);
  const fastify = createFastify(
    {
      forceCloseConnections: true,
      // Longer than any id; what is longer than that is no route.
      routerOptions: { maxParamLength: 2_000 },
    },
    receiveTimes,
    { headers: SECURITY_HEADERS, explanation: EXPLANATION, basePath: '', sendError: sendOperatorError },
  );
  const adapter = new FastifyAdapter(fastify);
  // Before anything else has a route.
  guardListener(fastify, authenticator);
  const finishRoutes = answerOtherMethods(adapter, sendOperatorError);
  const module = OperatorModule.register(config, redis, QueryQueueModule.register(config, redis), metrics);
  const app = await NestFactory.create<NestFastifyApplication>(module, adapter, {
    logger,
    bodyParser: false,
    abortOnError: false,
  });
  ignoreBodies(fastify);
  auditChanges(fastify, app.get(AuditLog));
  auditAccesses(fastify, app.get(AuditLog), config.operatorAuth);
  serveDocument(app);
  if (metrics) {
    const keys = app.get(RecordKeys, { strict: false });
    const queue = app.get(QueryQueue, { strict: false });
    const counts = app.get(QueryCounts, { strict: false });
    observeQueue(metrics, { redis, keys, queue, counts, beats: app.get(WorkerBeats) });
  }
  await app.init();
  finishRoutes();
  return app;
}

function serveDocument(app: NestFastifyApplication): void {
  let json: string | undefined;
  app
    .getHttpAdapter()
    .getInstance()
    .get('/operator/openapi.json', (_request, reply) => {
      // The routes are all there once somebody asks.
      json ??= JSON.stringify(createOperatorDocument(app));
      return reply.type('application/json; charset=utf-8').send(json);
    });
}
