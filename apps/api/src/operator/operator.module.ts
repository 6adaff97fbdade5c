import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import { FastifyAdapter as BoardFastifyAdapter } from '@bull-board/fastify';
import { BullBoardModule } from '@bull-board/nestjs';
import { type DynamicModule, Module } from '@nestjs/common';
import { Metrics } from '#shared/telemetry/metrics';
import { MetricsController } from '#shared/telemetry/metrics.controller';
import { QUERY_QUEUE } from '#shared/contract/query-job';

/** Everything that operators can reach, and nothing of what callers can. */
@Module({})
export class OperatorModule {
  static register(queue: DynamicModule, metrics?: Metrics): DynamicModule {
    return {
      module: OperatorModule,
      ...(metrics ? { controllers: [MetricsController], providers: [{ provide: Metrics, useValue: metrics }] } : {}),
      imports: [
        queue,
        BullBoardModule.forRoot({ route: '/queues', adapter: BoardFastifyAdapter }),
        BullBoardModule.forFeature({
          name: QUERY_QUEUE,
          adapter: BullMQAdapter,
          // As it comes, the board lets anyone who sees it pause the queue and throw jobs away.
          options: { readOnlyMode: true },
        }),
      ],
    };
  }
}
