import { pause } from '#shared/process/retry';

const FIRST_WAIT_MS = 1_000;

/** The wait occupies a place of the worker. */
const LONGEST_WAIT_MS = 30_000;

/**
 * How long an attempt that failed unexpectedly waits: twice as long as the one before, up to a cap.
 *
 * @param attemptsMade Before this one.
 */
export function toRetryWaitMs(attemptsMade: number): number {
  return Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** attemptsMade);
}

/**
 * Waits at the end of an attempt. BullMQ's `backoff` would store a time by this machine's clock, which other machines
 * compare with theirs.
 *
 * @param attemptsMade Before this one.
 * @throws The signal's reason.
 */
export async function waitBeforeRetry(attemptsMade: number, signal: AbortSignal): Promise<void> {
  await pause(toRetryWaitMs(attemptsMade), signal);
}
