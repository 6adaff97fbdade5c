import type { FastifyReply, FastifyRequest } from 'fastify';
import { wantsStatusPage } from '../queries/wants-status-page';
import { toProblemDocument } from './problem-document';
import type { ProblemError } from './problem-error';
import { toRefusalPage } from './refusal-page';

/** The routes of the Durable Functions service, whose clients know errors as one text. */
const ORIGINAL_ROUTE = /^\/api\/(submit\/query|status)(\/|\?|$)/;

/**
 * Problem details (RFC 9457), but on the two routes of the original; and a page for a person whose browser is refused
 * the page of a query, since it cannot send a credential.
 */
export function sendError(problem: ProblemError, request: FastifyRequest, reply: FastifyReply): void {
  const { status } = problem;
  void reply.status(status).headers({ ...problem.headers, 'Cache-Control': 'no-store' });
  if (ORIGINAL_ROUTE.test(request.url)) return sendOriginalError(problem, reply);
  if ((status === 401 || status === 403) && wantsStatusPage(request)) {
    return void reply.header('Vary', 'Accept').type('text/html; charset=utf-8').send(toRefusalPage(problem));
  }
  const document = toProblemDocument(problem, request.url.split('?', 1)[0]);
  // Bytes, since Fastify adds a charset to the type of a text, and this type has none.
  void reply.type('application/problem+json').send(Buffer.from(JSON.stringify(document)));
}

function sendOriginalError({ detail, status }: ProblemError, reply: FastifyReply): void {
  if (status === 404) void reply.type('text/plain').send('Job not found');
  else void reply.send({ error: detail });
}
