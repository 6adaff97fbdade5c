import type { Redis } from 'ioredis';
import { rejectOnAbort } from '../lifecycle/reject-on-abort';

/** A Redis that is connected and silent; later, and the platform's own probe would have given up. */
const ANSWER_LIMIT_MS = 2_000;

/** Of the memory limit; from here on Redis is as good as full. */
const SPARE_FROM = 0.8;

/** `untold`: Redis does not say whether it evicts what it holds. */
export type RedisProblem = 'unreachable' | 'evicting' | 'untold';

/**
 * Why Redis cannot be worked with at the moment, or undefined when it can.
 *
 * @param assumesNoEviction Whether one that does not tell its policy is taken to evict nothing.
 */
export async function findRedisProblem(redis: Redis, assumesNoEviction: boolean): Promise<RedisProblem | undefined> {
  if (redis.status !== 'ready') return 'unreachable';
  try {
    // An evicting Redis drops locks and jobs silently when it is full. Not CONFIG GET: managed services forbid it.
    const late = rejectOnAbort(AbortSignal.timeout(ANSWER_LIMIT_MS));
    const memory = await Promise.race([redis.info('memory'), late]);
    const policy = /^maxmemory_policy:(\S+)/m.exec(memory)?.[1];
    if (policy === undefined) return assumesNoEviction ? undefined : 'untold';
    return policy === 'noeviction' ? undefined : 'evicting';
  } catch {
    // Closed or timed out in between: which of the two makes no difference to whoever asks.
    return 'unreachable';
  }
}

/**
 * Whether Redis has room for what can be done without. A part of its memory is left to the queue and its locks,
 * without which no query can go on.
 */
export async function hasRoomToSpare(redis: Redis): Promise<boolean> {
  const memory = await redis.info('memory');
  const read = (field: string) => Number(new RegExp(`^${field}:(\\d+)`, 'm').exec(memory)?.[1] ?? 0);
  const limit = read('maxmemory');
  return limit === 0 || read('used_memory') < limit * SPARE_FROM;
}
