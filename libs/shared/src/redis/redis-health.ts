import type { Redis } from 'ioredis';

/** Why Redis cannot be worked with at the moment, or undefined when it can. */
export async function findRedisProblem(redis: Redis): Promise<'unreachable' | 'evicting' | undefined> {
  if (redis.status !== 'ready') return 'unreachable';
  try {
    // An evicting Redis drops locks and jobs silently when it is full. Not CONFIG GET: managed services forbid it.
    const memory = await redis.info('memory');
    const policy = /^maxmemory_policy:(\S+)/m.exec(memory)?.[1];
    return policy === 'noeviction' ? undefined : 'evicting';
  } catch {
    // Closed or timed out in between: which of the two makes no difference to whoever asks.
    return 'unreachable';
  }
}
