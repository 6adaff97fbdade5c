import { orAborted } from '../lifecycle/or-aborted';
import type { RedisClient } from './redis-client';
import { readRedisMemory } from './redis-memory';
import { findMissing } from './watch-redis-fitness';

/** A Redis that is connected and silent; later, and the platform's own probe would have given up. */
const ANSWER_LIMIT_MS = 2_000;

/** Of the memory limit; from here on Redis is as good as full. */
const SPARE_FROM = 0.8;

/** `untold`: Redis does not say whether it evicts what it holds. `unfit`: see `findMissing`. */
export type RedisProblem = 'unreachable' | 'evicting' | 'untold' | { kind: 'unfit'; missing: string };

/** What the configuration says of Redis. */
export interface RedisExpectations {
  /** Of all keys: of a cluster, the server that holds them is looked at. */
  keyPrefix: string;
  /** Whether one that does not tell its policy is taken to evict nothing. */
  assumeNoeviction: boolean;
}

/** Why Redis cannot be worked with at the moment, or undefined when it can. */
export async function findRedisProblem(
  redis: RedisClient,
  { keyPrefix, assumeNoeviction }: RedisExpectations,
): Promise<RedisProblem | undefined> {
  if (redis.status !== 'ready') return 'unreachable';
  try {
    const limit = AbortSignal.timeout(ANSWER_LIMIT_MS);
    const missing = await orAborted(findMissing(redis), limit);
    if (missing !== undefined) return { kind: 'unfit', missing };
    const { policy } = await orAborted(readRedisMemory(redis, keyPrefix), limit);
    // An evicting Redis drops locks and jobs silently when it is full.
    if (policy === undefined) return assumeNoeviction ? undefined : 'untold';
    return policy === 'noeviction' ? undefined : 'evicting';
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
