import { Logger } from '@nestjs/common';
import type { Redis } from 'ioredis';
import { type RedisClient, readReplyCode } from '../redis/redis-client';
import type { RedisRefusal } from '../redis/watch-refusals';

/**
 * One line when Redis goes and one when it is back, instead of one for each attempt to reach it; of a cluster, the same
 * for each of its servers, since it may go on without one.
 */
export function logRedisOutages(redis: RedisClient): void {
  const logger = new Logger('Redis');
  const log = createOutageLog(logger);
  redis.on('error', (error: NodeJS.ErrnoException) => log.away('Redis', error));
  redis.on('ready', () => log.back('Redis'));
  // Only a cluster tells these.
  redis.on('node error', (error: NodeJS.ErrnoException, place: string) => log.away(`Redis at ${place}`, error));
  redis.on('+node', (node: Redis) => {
    node.on('ready', () => log.back(`Redis at ${node.options.host}:${node.options.port}`));
  });
}

/** One log entry when Redis begins to refuse with a code, and one when it has ended, for all connections together. */
export function logRedisRefusals(...connections: readonly RedisClient[]): void {
  const logger = new Logger('Redis');
  const refused = new Set<string>();
  for (const redis of connections) {
    redis.on('refused', ({ code, command, error }: RedisRefusal) => {
      if (!refused.has(code)) logger.error({ code, command, err: error }, 'Redis refuses commands');
      refused.add(code);
    });
    redis.on('refusal ended', (code: string) => {
      // One that is rarely used would be the last to notice.
      if (refused.delete(code)) logger.log({ code }, 'Redis accepts commands again');
    });
  }
}

function createOutageLog(logger: Logger) {
  const away = new Set<string>();
  return {
    away(what: string, error: NodeJS.ErrnoException): void {
      if (!away.has(what)) logger.error({ code: error.code ?? readReplyCode(error) ?? error.name }, `${what} is away`);
      away.add(what);
    },
    back(what: string): void {
      if (away.delete(what)) logger.log(`${what} is back`);
    },
  };
}
