import type { FastifyInstance, FastifyRequest } from 'fastify';
import { ProblemError } from './errors/problem-error';

/** Many times what any request needs. */
export const BODY_LIMIT_BYTES = 16 * 1_024;

/** The original's submit route has all its parameters in the URL; whatever its clients post is not looked at. */
const IGNORES_BODY = '/api/submit/query';

/** JSON is read, every other type refused with 415; an empty body is `undefined`, not a mistake of the parser. */
export function acceptJsonOnly(fastify: FastifyInstance): void {
  const parseJson = fastify.getDefaultJsonParser('error', 'error');
  fastify.removeAllContentTypeParsers();
  fastify.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (isEncoded(request)) return done(new ProblemError('MEDIA_TYPE_UNSUPPORTED'), undefined);
    if (body === '' || request.routeOptions.url === IGNORES_BODY) return done(null, undefined);
    void parseJson(request, body as string, (error: Error | null, value?: unknown) =>
      done(error && new ProblemError('BODY_NOT_JSON', { cause: error }), value),
    );
  });
  fastify.addContentTypeParser('*', { parseAs: 'string' }, (request, _body, done) =>
    done(request.routeOptions.url === IGNORES_BODY ? null : new ProblemError('MEDIA_TYPE_UNSUPPORTED'), undefined),
  );
}

/** A body that is compressed, which nothing here unpacks (RFC 9110, 15.5.16). */
function isEncoded({ headers }: FastifyRequest): boolean {
  const encoding = headers['content-encoding'];
  return encoding !== undefined && encoding.toLowerCase() !== 'identity';
}
