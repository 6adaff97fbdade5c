import type { FastifyInstance, FastifyRequest } from 'fastify';
import { ProblemError } from './problem-error';

/** Many times what any request needs. */
export const BODY_LIMIT_BYTES = 16 * 1_024;

/** The one route that takes a body. What is sent elsewhere, as by clients of the original, is not looked at. */
const TAKES_BODY = { method: 'POST', url: '/api/queries' };

const TWICE = 'The body names a member twice, and nobody can tell which of the two is meant.';

/** JSON is read, every other type refused with 415; an empty body is `undefined`, not a mistake of the parser. */
export function acceptJsonOnly(fastify: FastifyInstance): void {
  const parseJson = fastify.getDefaultJsonParser('error', 'error');
  fastify.removeAllContentTypeParsers();
  fastify.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (!takesBody(request) || body === '') return done(null, undefined);
    if (isEncoded(request)) return done(new ProblemError('MEDIA_TYPE_UNSUPPORTED'), undefined);
    void parseJson(request, body as string, (error: Error | null, value?: unknown) => {
      if (error) done(new ProblemError('BODY_NOT_JSON', { cause: error }), undefined);
      else if (namesTwice(body as string, value)) done(new ProblemError('BODY_NOT_JSON', { detail: TWICE }), undefined);
      else done(null, value);
    });
  });
  fastify.addContentTypeParser('*', { parseAs: 'string' }, (request, _body, done) =>
    done(takesBody(request) ? new ProblemError('MEDIA_TYPE_UNSUPPORTED') : null, undefined),
  );
}

function takesBody({ method, routeOptions }: FastifyRequest): boolean {
  return method === TAKES_BODY.method && routeOptions.url === TAKES_BODY.url;
}

/** Whether a flat object has a name more than once (RFC 8259, 4); one that is not flat is no request anyway. */
function namesTwice(text: string, value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const members = Object.values(value);
  if (members.some((member) => typeof member === 'object' && member !== null)) return false;
  const names = [...text.matchAll(/"(?:[^"\\]|\\.)*"(\s*:)?/g)].filter(([, colon]) => colon !== undefined);
  return names.length > members.length;
}

/** A body that is compressed, which nothing here unpacks (RFC 9110, 15.5.16). */
function isEncoded({ headers }: FastifyRequest): boolean {
  const encoding = headers['content-encoding'];
  return encoding !== undefined && encoding.toLowerCase() !== 'identity';
}

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
