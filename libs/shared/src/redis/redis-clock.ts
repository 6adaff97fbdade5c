import type { Redis } from 'ioredis';

/** Redis' clock, the only one that decides anything: milliseconds since 1970. */
export async function readRedisClock(redis: Redis): Promise<number> {
  return toMilliseconds(await redis.time());
}

/** The reply of TIME, seconds and microseconds, as milliseconds. */
export function toMilliseconds([seconds, microseconds]: readonly (number | string)[]): number {
  return Number(seconds) * 1_000 + Math.floor(Number(microseconds) / 1_000);
}
