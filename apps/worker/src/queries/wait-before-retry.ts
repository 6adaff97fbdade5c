import { pause } from '#shared/lifecycle/retry';

const FIRST_WAIT_MS = 1_000;

/** It holds a place of the worker meanwhile. */
const LONGEST_WAIT_MS = 30_000;

/**
 * How long an attempt waits that ended for a reason that nobody foresaw: each twice as long as the one before, up to a cap.
 *
 * @param attemptsMade Before this one.
 */
export function toRetryWaitMs(attemptsMade: number): number {
  return Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** attemptsMade);
}

/**
 * Waits at the end of an attempt, inside it. Not by BullMQ's `backoff`: that is written down as a time of this machine's
 * clock, and kept by those of others.
 *
 * @param attemptsMade Before this one.
 * @throws The signal's reason.
 */
export async function waitBeforeRetry(attemptsMade: number, signal: AbortSignal): Promise<void> {
  await pause(toRetryWaitMs(attemptsMade), signal);
}
