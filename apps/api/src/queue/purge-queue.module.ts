import { BullModule } from '@nestjs/bullmq';
import { type DynamicModule, Module } from '@nestjs/common';
import type { Redis } from 'ioredis';
import type { ApiConfig } from '#shared/config/api-config';
import { PURGE_QUEUE } from '#shared/contract/purge-job';
import { PurgeQueue } from './purge-queue';

/** The queue of purges, for operators alone. */
@Module({})
export class PurgeQueueModule {
  static register(config: ApiConfig, redis: Redis): DynamicModule {
    return {
      module: PurgeQueueModule,
      imports: [BullModule.registerQueue({ name: PURGE_QUEUE, connection: redis, prefix: config.keyPrefix })],
      providers: [PurgeQueue],
      exports: [PurgeQueue],
    };
  }
}
