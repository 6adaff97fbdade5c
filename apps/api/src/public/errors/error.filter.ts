import { type ArgumentsHost, Catch, type ExceptionFilter, Logger } from '@nestjs/common';
import { ClientGoneError } from '../queries/query-waiter';
import type { ProblemError } from '../../errors/problem-error';
import { sendError } from './send-error';
import { toProblemError } from '../../errors/to-problem-error';

/** Turns everything that is thrown into an answer. */
@Catch()
export class ErrorFilter implements ExceptionFilter {
  private readonly logger = new Logger(ErrorFilter.name);

  catch(thrown: unknown, host: ArgumentsHost): void {
    // There is nobody to answer.
    if (thrown instanceof ClientGoneError) return;
    const problem = toProblemError(thrown);
    this.log(problem);
    sendError(problem, host.switchToHttp().getRequest(), host.switchToHttp().getResponse());
  }

  /** Only what is this service's fault, or its surroundings', is worth a line; only the former a stack. */
  private log({ code, status, cause }: ProblemError): void {
    if (status === 503) this.logger.warn(`${code}: ${String(cause)}`);
    else if (status >= 500) this.logger.error(code, cause instanceof Error ? cause.stack : String(cause));
  }
}
