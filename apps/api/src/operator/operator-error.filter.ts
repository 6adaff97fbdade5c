import { type ArgumentsHost, Catch, type ExceptionFilter, Logger } from '@nestjs/common';
import type { FastifyRequest, FastifyReply } from 'fastify';
import { RecordUnreadableError } from '#shared/redis/unreadable-record';
import { isClientGone } from '../http/client-gone';
import { toProblemError, type ProblemError } from '../http/problem-error';
import { sendProblem } from '../http/send-problem';

/** The example of the code in the listener's own document, which can be fetched. */
export const EXPLANATION = '/operator/openapi.json#/components/examples/';

/** Problem details, as on the callers' listener. */
export function sendOperatorError(problem: ProblemError, request: FastifyRequest, reply: FastifyReply): void {
  sendProblem(problem, EXPLANATION, request, reply);
}

/** Turns everything that is thrown into an answer. */
@Catch()
export class OperatorErrorFilter implements ExceptionFilter {
  private readonly logger = new Logger(OperatorErrorFilter.name);

  catch(thrown: unknown, host: ArgumentsHost): void {
    const request = host.switchToHttp().getRequest<FastifyRequest>();
    // The client has closed the connection.
    if (isClientGone(thrown, request)) return;
    const problem = toProblemError(thrown);
    const { code, status, cause, detail } = problem;
    if (status === 503)
      this.logger.warn(
        { code, reason: cause instanceof Error ? String(cause) : detail },
        'a request was not answered for now',
      );
    // An unreadable record was logged where it was read, once.
    else if (status >= 500 && !(thrown instanceof RecordUnreadableError))
      this.logger.error({ code, err: cause }, 'a request failed');
    sendOperatorError(problem, request, host.switchToHttp().getResponse());
  }
}
