import type { FastifyInstance, FastifyRequest } from 'fastify';
import { ProblemError } from '../http/problem-error';

/** No management operation takes a body, and what is sent is not looked at; the dashboard sends JSON. */
export function ignoreBodies(fastify: FastifyInstance): void {
  const parseJson = fastify.getDefaultJsonParser('error', 'error');
  fastify.removeAllContentTypeParsers();
  fastify.addContentTypeParser('*', { parseAs: 'string' }, (request: FastifyRequest, body, done) => {
    if (body === '' || !request.routeOptions.url?.startsWith('/queues/')) return done(null, undefined);
    void parseJson(request, body as string, (error: Error | null, value?: unknown) =>
      done(error && new ProblemError('BODY_NOT_JSON', { cause: error }), value),
    );
  });
}
