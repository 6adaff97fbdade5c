import { setTimeout as delay } from 'node:timers/promises';

/** What an attempt waits for that ends for a reason that nobody foresaw; each further one twice as long. */
const RETRY_AFTER_MS = 1_000;

/**
 * Waits at the end of an attempt, inside it. Not by BullMQ's `backoff`: that is written down as a time of this machine's
 * clock, and kept by those of others.
 *
 * @param attemptsMade Before this one.
 * @throws The signal's reason.
 */
export async function waitBeforeRetry(attemptsMade: number, signal: AbortSignal): Promise<void> {
  await delay(RETRY_AFTER_MS * 2 ** attemptsMade, undefined, { signal }).catch(() => signal.throwIfAborted());
}
