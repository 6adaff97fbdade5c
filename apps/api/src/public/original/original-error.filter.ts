import { type ArgumentsHost, Catch, type ExceptionFilter, Logger } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { logProblem } from '../errors/problem.filter';
import { toProblemError } from '../errors/to-problem-error';

/** Errors as clients of the Durable Functions service know them: one text, and no problem details. */
@Catch()
export class OriginalErrorFilter implements ExceptionFilter {
  private readonly logger = new Logger(OriginalErrorFilter.name);

  catch(thrown: unknown, host: ArgumentsHost): void {
    const problem = toProblemError(thrown);
    logProblem(this.logger, problem);
    const reply = host.switchToHttp().getResponse<FastifyReply>();
    void reply.status(problem.status).headers({ ...problem.headers, 'Cache-Control': 'no-store' });
    if (problem.code === 'QUERY_NOT_FOUND') void reply.type('text/plain').send('Job not found');
    else void reply.send({ error: problem.detail });
  }
}
