import { Logger } from '@nestjs/common';
import type { Redis } from 'ioredis';

/** One line when Redis goes and one when it is back, instead of one for each attempt to reach it. */
export function logRedisOutages(redis: Redis): void {
  const logger = new Logger('Redis');
  let away = false;
  redis.on('error', (error: NodeJS.ErrnoException) => {
    if (!away) logger.error({ code: error.code ?? error.name }, 'Redis is away');
    away = true;
  });
  redis.on('ready', () => {
    if (away) logger.log('Redis is back');
    away = false;
  });
}
