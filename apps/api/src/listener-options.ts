import type { LoggerService } from '@nestjs/common';
import type { RedisClient } from '#shared/redis/redis-client';
import type { ApiConfig } from '#shared/config/api-config';
import type { Metrics } from '#shared/process/metrics';
import type { ReceiveTimes } from './http/create-fastify';

/** What both listeners of the process are made from. */
export interface ListenerOptions {
  config: ApiConfig;
  redis: RedisClient;
  logger: LoggerService;
  /** Absent: nothing is measured. */
  metrics?: Metrics;
  /** For tests, which are in more of a hurry. */
  receiveTimes?: ReceiveTimes;
}
