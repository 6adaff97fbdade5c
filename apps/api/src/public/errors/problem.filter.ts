import { type ArgumentsHost, Catch, type ExceptionFilter, Logger } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ERROR_TABLE } from '#shared/contract/error-codes';
import type { ProblemError } from './problem-error';
import { toProblemError } from './to-problem-error';

/** Turns everything that is thrown into problem details (RFC 9457). */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  private readonly logger = new Logger(ProblemFilter.name);

  catch(thrown: unknown, host: ArgumentsHost): void {
    const problem = toProblemError(thrown);
    logProblem(this.logger, problem);
    sendProblem(problem, host.switchToHttp().getRequest(), host.switchToHttp().getResponse());
  }
}

export function sendProblem(problem: ProblemError, request: FastifyRequest, reply: FastifyReply): void {
  const { code, detail, status } = problem;
  const document = {
    type: `/api/docs#${code}`,
    title: ERROR_TABLE[code].title,
    status,
    code,
    detail,
    instance: request.url.split('?', 1)[0],
    error: { code, message: detail },
  };
  void reply
    .status(status)
    .headers({ ...problem.headers, 'Cache-Control': 'no-store', 'Content-Type': 'application/problem+json' })
    // Bytes, since Fastify adds a charset to the type of a text, and this type has none (RFC 9457).
    .send(Buffer.from(JSON.stringify(document)));
}

/** Only what is this service's fault or its surroundings' is worth a line. */
export function logProblem(logger: Logger, { code, status, cause }: ProblemError): void {
  if (status < 500) return;
  logger.error(code, cause instanceof Error ? cause.stack : String(cause));
}
