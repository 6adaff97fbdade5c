import { FastifyAdapter } from '@bull-board/fastify';
import { Logger } from '@nestjs/common';

/** The dashboard's server; what goes wrong in it is told to the log, where it would show the texts of inner errors. */
export class BoardAdapter extends FastifyAdapter {
  private readonly logger = new Logger('Dashboard');

  override setErrorHandler(handler: Parameters<FastifyAdapter['setErrorHandler']>[0]): this {
    return super.setErrorHandler((error: Error) => {
      this.logger.warn(String(error));
      return handler(Object.assign(new Error('The dashboard cannot be served at the moment.'), { statusCode: 503 }));
    });
  }
}
