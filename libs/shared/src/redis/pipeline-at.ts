import type { ChainableCommander } from 'ioredis';
import type { RedisClient } from './redis-client';

/**
 * A pipeline for commands that name no key, such as INFO and TIME, to the server that holds `key`: a cluster would have
 * any of its servers answer them. The first reply is that of the command that leads there, and says nothing.
 */
export function pipelineAt(redis: RedisClient, key: string): ChainableCommander {
  return redis.pipeline().exists(key);
}
