import type { RedisClient } from '#shared/redis/redis-client';
import { ProblemError } from '../http/problem-error';

/** Redis is back within a second after most outages. */
const UNAVAILABLE_RETRY_SECONDS = '5';

/**
 * An answer reaches for Redis twice at the most, once it has been counted; a count that Redis does not answer is a 503. That
 * is promised within two seconds.
 */
const REACH_LIMIT_MS = 950;

/**
 * Runs what needs Redis. Whatever Redis says or does not say - away, silent, loading, full - without it nothing
 * can be looked up or taken.
 *
 * @param call Is given what tells whether its answer comes too late to be given. No AbortSignal: to make one for
 *   every request took a tenth of the time of most.
 * @throws ProblemError SERVICE_UNAVAILABLE, or the one that `call` throws; TypeError and the like as they are.
 */
export async function reachRedis<T>(redis: RedisClient, call: (isTooLate: () => boolean) => Promise<T>): Promise<T> {
  try {
    if (redis.status !== 'ready') throw new Error(`the connection is ${redis.status}`);
    return await withinLimit(call);
  } catch (cause) {
    const isOwn = cause instanceof ProblemError || cause instanceof TypeError || cause instanceof SyntaxError;
    if (isOwn) throw cause;
    const headers = { 'Retry-After': UNAVAILABLE_RETRY_SECONDS };
    throw new ProblemError('SERVICE_UNAVAILABLE', { headers, cause });
  }
}

function withinLimit<T>(call: (isTooLate: () => boolean) => Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    let isLate = false;
    const giveUp = () => {
      isLate = true;
      reject(new Error('Redis took too long'));
    };
    // A busy process may have the reply at hand and not have looked at it: it does before the next turn.
    const timer = setTimeout(() => setImmediate(giveUp), REACH_LIMIT_MS);
    const settle =
      <V>(end: (value: V) => void) =>
      (value: V) => {
        clearTimeout(timer);
        end(value);
      };
    call(() => isLate).then(settle(resolve), settle(reject));
  });
}
