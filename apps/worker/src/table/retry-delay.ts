const FIRST_DELAY_MS = 100;

/**
 * A partition that is read faster than the service promises (2,000 entities/s) has room for the next page of 1,000 half
 * a second later. Waiting much longer leaves the day behind the others, alone at the end, and helps nobody: how much is
 * asked of a busy service is the business of the slots.
 */
const LONGEST_BACK_OFF_MS = 1_000;

/** The most that the service's own word is followed; `Retry-After: 3600` has been seen. */
const LONGEST_RETRY_AFTER_MS = 10_000;

/**
 * How long to wait before a page is asked for again: doubled each time, capped, and spread over its upper half so
 * that those who were refused together do not come back together. What the service asks for is respected up to
 * a cap of its own.
 *
 * @param attempt 0 after the first failure.
 * @param random From 0 to 1.
 */
export function toRetryDelayMs(attempt: number, retryAfterMs: number | undefined, random: number): number {
  const backOffMs = Math.min(LONGEST_BACK_OFF_MS, FIRST_DELAY_MS * 2 ** attempt) * (0.5 + random / 2);
  return Math.max(backOffMs, Math.min(retryAfterMs ?? 0, LONGEST_RETRY_AFTER_MS));
}
