import type { FastifyReply, FastifyRequest } from 'fastify';
import { ERROR_TABLE } from '#shared/contract/error-codes';
import type { ProblemError } from './problem-error';

/** The routes of the Durable Functions service, whose clients know errors as one text. */
const ORIGINAL_ROUTE = /^\/api\/(submit\/query|status)(\/|\?|$)/;

/** Problem details (RFC 9457), but on the two routes of the original. */
export function sendError(problem: ProblemError, request: FastifyRequest, reply: FastifyReply): void {
  const { code, detail, status } = problem;
  void reply.status(status).headers({ ...problem.headers, 'Cache-Control': 'no-store' });
  if (ORIGINAL_ROUTE.test(request.url)) return sendOriginalError(problem, reply);
  const document = {
    type: `/api/docs#${code}`,
    title: ERROR_TABLE[code].title,
    status,
    code,
    detail,
    instance: request.url.split('?', 1)[0],
    error: { code, message: detail },
  };
  // Bytes, since Fastify adds a charset to the type of a text, and this type has none.
  void reply.type('application/problem+json').send(Buffer.from(JSON.stringify(document)));
}

function sendOriginalError({ detail, status }: ProblemError, reply: FastifyReply): void {
  if (status === 404) void reply.type('text/plain').send('Job not found');
  else void reply.send({ error: detail });
}
