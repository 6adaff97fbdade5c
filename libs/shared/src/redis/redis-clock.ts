import type { Redis } from 'ioredis';

/** Redis' clock, the only one that decides anything: milliseconds since 1970. */
export async function readRedisClock(redis: Redis): Promise<number> {
  const [seconds, microseconds] = await redis.time();
  return Number(seconds) * 1_000 + Math.floor(Number(microseconds) / 1_000);
}
