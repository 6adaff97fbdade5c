import type { FastifyReply, FastifyRequest } from 'fastify';
import { ALL_ERRORS } from '#shared/contract/error-codes';
import type { ProblemError } from './problem-error';

/**
 * Problem details (RFC 9457).
 *
 * @param explanation Where the listener explains its codes; the code follows it.
 */
export function sendProblem(
  { code, detail, status, headers }: ProblemError,
  explanation: string,
  request: FastifyRequest,
  reply: FastifyReply,
): void {
  const document = {
    type: `${explanation}${code}`,
    title: ALL_ERRORS[code].title,
    status,
    code,
    detail,
    instance: request.url.split('?', 1)[0],
    error: { code, message: detail },
  };
  void reply
    .status(status)
    .headers({ ...headers, 'Cache-Control': 'no-store' })
    // Bytes, since Fastify adds a charset to the type of a text, and this type has none.
    .type('application/problem+json')
    .send(Buffer.from(JSON.stringify(document)));
}
