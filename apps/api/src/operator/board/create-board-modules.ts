import { BullBoardModule } from '@bull-board/nestjs';
import type { DynamicModule } from '@nestjs/common';
import { PURGE_QUEUE } from '#shared/contract/purge-job';
import { QUERY_QUEUE } from '#shared/contract/query-job';
import { BoardAdapter } from './board-adapter';
import { RedactedQueueAdapter } from './redacted-queue-adapter';

interface ShownJob {
  id?: string | number | undefined | null;
}

/**
 * The dashboard at `/queues`, with both queues.
 *
 * @param isReadOnly False lets whoever sees it pause the queues and throw jobs away.
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
