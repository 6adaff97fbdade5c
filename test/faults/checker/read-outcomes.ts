import type { Redis } from 'ioredis';
import type { KeptOutcome } from './find-unwanted-pages';

/** All that Redis keeps, whoever submitted them. */
export async function readOutcomes(redis: Redis, prefix: string): Promise<KeptOutcome[]> {
  const keys = await redis.keys(`${prefix}:outcome:*`);
  const texts = await Promise.all(keys.map((key) => redis.get(key)));
  return texts.flatMap((text) => (text === null ? [] : [JSON.parse(text) as KeptOutcome]));
}
