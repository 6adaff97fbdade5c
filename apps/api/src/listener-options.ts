import type { LoggerService } from '@nestjs/common';
import type { Redis } from 'ioredis';
import type { ApiConfig } from '#shared/config/api-config';

/** What both listeners of the process are made from. */
export interface ListenerOptions {
  config: ApiConfig;
  redis: Redis;
  logger: LoggerService;
}
