import type { FastifyReply, FastifyRequest } from 'fastify';
import type { ProblemError } from './problem-error';
import { ALL_ERRORS } from '#shared/contract/error-codes';

/**
 * The body of an answer that is an error (RFC 9457).
 *
 * @param explanation Where the listener explains its codes; the code follows it.
 * @param instance The path of the request.
 */
export function toProblemDocument(
  { code, detail, status }: ProblemError,
  explanation: string,
  instance: string | undefined,
) {
  return {
    type: `${explanation}${code}`,
    title: ALL_ERRORS[code].title,
    status,
    code,
    detail,
    instance,
    error: { code, message: detail },
  };
}

/**
 * Problem details (RFC 9457).
 *
 * @param explanation Where the listener explains its codes; the code follows it.
 * @param basePath What a gateway has stripped from the request's path: `ApiConfig.publicBasePath`.
 */
export function sendProblem(
  problem: ProblemError,
  explanation: string,
  request: FastifyRequest,
  reply: FastifyReply,
  basePath = '',
): void {
  const instance = problem.instance ?? `${basePath}${request.url.split('?', 1)[0]}`;
  const document = toProblemDocument(problem, explanation, instance);
  void reply
    .status(problem.status)
    .headers({ ...problem.headers, 'Cache-Control': 'no-store' })
    // Bytes, since Fastify adds a charset to the type of a text, and this type has none.
    .type('application/problem+json')
    .send(Buffer.from(JSON.stringify(document)));
}
