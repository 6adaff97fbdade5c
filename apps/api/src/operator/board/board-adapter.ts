import { FastifyAdapter } from '@bull-board/fastify';
import { Logger } from '@nestjs/common';
import { toProblemError } from '../../http/problem-error';

const AWAY = { detail: 'The dashboard cannot be served at the moment.', status: 503 };

/** The dashboard's server. Its own error handler would show the texts of inner errors, and in development their stacks. */
export class BoardAdapter extends FastifyAdapter {
  private readonly logger = new Logger('Dashboard');

  override setErrorHandler(handler: Parameters<FastifyAdapter['setErrorHandler']>[0]): this {
    return super.setErrorHandler((error: Error) => {
      const problem = toProblemError(error);
      const isRequestWrong = problem.status < 500;
      if (!isRequestWrong) this.logger.warn(String(error));
      const { detail, status } = isRequestWrong ? problem : AWAY;
      return handler(Object.assign(new Error(detail), { statusCode: status, stack: undefined }));
    });
  }
}
