import { setTimeout as delay } from 'node:timers/promises';

/** How the delays between attempts grow. */
export interface BackOff {
  firstMs: number;
  /** The longest delay without a word of the service. */
  longestMs: number;
  /** The longest `Retry-After` that is respected. */
  longestRetryAfterMs: number;
}

/**
 * The delay before the next attempt: doubled each time, capped, and spread over its upper half, so that clients that
 * failed together do not return together. No shorter than the service's `Retry-After`, which has a cap of its own.
 *
 * @param attempt 0 after the first failure.
 * @param random From 0 to 1.
 */
export function toBackOffMs(
  { firstMs, longestMs, longestRetryAfterMs }: BackOff,
  attempt: number,
  retryAfterMs: number | undefined,
  random: number,
): number {
  const backOffMs = Math.min(longestMs, firstMs * 2 ** attempt) * (0.5 + random / 2);
  return Math.max(backOffMs, Math.min(retryAfterMs ?? 0, longestRetryAfterMs));
}

/**
 * Resolves after `ms`.
 *
 * @throws The signal's reason, as soon as it is aborted.
 */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => signal.throwIfAborted());
}

/**
 * Calls `attempt` until it succeeds.
 *
 * @param toDelayMs The pause after a failure, by its number from 0; throws a failure that no further attempt can mend.
 * @throws What `toDelayMs` throws; the signal's reason, when it is aborted during a pause.
 */
export async function retry<T>(
  attempt: () => Promise<T>,
  toDelayMs: (error: unknown, failures: number) => number,
  signal: AbortSignal,
): Promise<T> {
  for (let failures = 0; ; failures += 1) {
    try {
      return await attempt();
    } catch (error) {
      await pause(toDelayMs(error, failures), signal);
    }
  }
}

/**
 * What the promise gives, for whoever waits no longer than the signal lasts; what it is of goes on.
 *
 * @throws What the promise throws; the signal's reason, when it is aborted before the promise settles.
 */
export async function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  let leave: () => void = () => {};
  const aborted = new Promise<never>((_resolve, reject) => (leave = () => reject(signal.reason as Error)));
  if (signal.aborted) leave();
  else signal.addEventListener('abort', leave, { once: true });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    // A signal may outlive many promises.
    signal.removeEventListener('abort', leave);
  }
}
