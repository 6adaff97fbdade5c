import { BullBoardModule } from '@bull-board/nestjs';
import { type DynamicModule, Logger } from '@nestjs/common';
import { PURGE_QUEUE } from '#shared/contract/purge-job';
import { QUERY_QUEUE } from '#shared/contract/query-job';
import { RedactedQueueAdapter } from './redact-job';
import { FastifyAdapter } from '@bull-board/fastify';
import { toProblemError } from '../../http/problem-error';

interface ShownJob {
  id?: string | number | undefined | null;
}

/**
 * The dashboard at `/queues`, with both queues.
 *
 * @param isReadOnly False: an operator can pause the queues and delete jobs on the board.
 */
export function createBoardModules(isReadOnly: boolean): DynamicModule[] {
  const show = (name: string, path: string) =>
    BullBoardModule.forFeature({
      name,
      adapter: RedactedQueueAdapter,
      options: {
        readOnlyMode: isReadOnly,
        externalJobUrl: ({ id }: ShownJob) => ({ displayText: 'Document', href: `${path}${id}` }),
      },
    });
  return [
    BullBoardModule.forRoot({
      route: '/queues',
      adapter: BoardAdapter,
      boardOptions: { uiConfig: { boardTitle: 'Audit Query' } },
    }),
    show(QUERY_QUEUE, '/operator/queries/'),
    show(PURGE_QUEUE, '/operator/purges/'),
  ];
}

const AWAY = { detail: 'The dashboard cannot be served at the moment.', status: 503 };

/** The dashboard's server. Its own error handler would show the texts of inner errors, and in development their stacks. */
class BoardAdapter extends FastifyAdapter {
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
