import { readRedisMemory } from './redis-memory';
import type { RedisClient } from './redis-client';

/** Of the memory limit; from here on Redis is as good as full. */
const SPARE_FROM = 0.8;

/**
 * Why Redis cannot be worked with at the moment, or undefined when it can.
 *
 * @param key Any of those that are worked with: of a cluster, the server that holds it is looked at.
 */
export async function findRedisProblem(
  redis: RedisClient,
  key: string,
): Promise<'unreachable' | 'evicting' | undefined> {
  if (redis.status !== 'ready') return 'unreachable';
  try {
    // An evicting Redis drops locks and jobs silently when it is full.
    return (await readRedisMemory(redis, key)).policy === 'noeviction' ? undefined : 'evicting';
  } catch {
    // Closed or timed out in between: which of the two makes no difference to whoever asks.
    return 'unreachable';
  }
}

/**
 * Whether the server of `key` has room for what can be done without. A part of its memory is left to the queue and its
 * locks, without which no query can go on.
 */
export async function hasRoomToSpare(redis: RedisClient, key: string): Promise<boolean> {
  const { usedBytes, limitBytes } = await readRedisMemory(redis, key);
  return limitBytes === 0 || usedBytes < limitBytes * SPARE_FROM;
}
