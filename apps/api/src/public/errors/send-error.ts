import type { FastifyReply, FastifyRequest } from 'fastify';
import type { ProblemError } from '../../errors/problem-error';
import { sendProblem } from '../../errors/send-problem';

/** The routes of the Durable Functions service, whose clients know errors as one text. */
const ORIGINAL_ROUTE = /^\/api\/(submit\/query|status)(\/|\?|$)/;

/** Problem details (RFC 9457), but on the two routes of the original. */
export function sendError(problem: ProblemError, request: FastifyRequest, reply: FastifyReply): void {
  if (ORIGINAL_ROUTE.test(request.url)) return sendOriginalError(problem, reply);
  sendProblem(problem, '/api/docs#', request, reply);
}

function sendOriginalError({ detail, status, headers }: ProblemError, reply: FastifyReply): void {
  void reply.status(status).headers({ ...headers, 'Cache-Control': 'no-store' });
  if (status === 404) void reply.type('text/plain').send('Job not found');
  else void reply.send({ error: detail });
}
