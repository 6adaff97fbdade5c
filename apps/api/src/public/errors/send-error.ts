import type { FastifyReply, FastifyRequest } from 'fastify';
import type { ProblemError } from '../../http/problem-error';
import { sendProblem } from '../../http/send-problem';
import { wantsStatusPage } from '../queries/status-form';
import { varyBy } from '../../http/headers';
import { EXPLANATION } from './explanation';
import { toErrorPage } from './error-page';

/** The routes of the Durable Functions service, whose clients know errors as one text. */
const ORIGINAL_ROUTE = /^\/api\/(submit\/query|status)(\/|\?|$)/;

/**
 * Problem details (RFC 9457), but on the two routes of the original, and for a person who asks for the page of a query.
 *
 * @param basePath `ApiConfig.publicBasePath`.
 */
export function sendError(problem: ProblemError, request: FastifyRequest, reply: FastifyReply, basePath: string): void {
  if (ORIGINAL_ROUTE.test(request.url)) return sendOriginalError(problem, reply);
  if (wantsStatusPage(request)) {
    varyBy(reply, 'Accept');
    void reply.status(problem.status).headers({ ...problem.headers, 'Cache-Control': 'no-store' });
    return void reply.type('text/html; charset=utf-8').send(toErrorPage(problem, basePath));
  }
  sendProblem(problem, basePath + EXPLANATION, request, reply, basePath);
}

function sendOriginalError({ detail, status, headers }: ProblemError, reply: FastifyReply): void {
  void reply.status(status).headers({ ...headers, 'Cache-Control': 'no-store' });
  if (status === 404) void reply.type('text/plain').send('Job not found');
  else void reply.send({ error: detail });
}
