const FIRST_DELAY_MS = 100;

/** Waiting longer helps nobody: a busy storage service is usually over it in seconds, and a query waits meanwhile. */
const LONGEST_DELAY_MS = 10_000;

/**
 * How long to wait before a page is asked for again: doubled each time, capped, and spread over its upper half so
 * that those who were refused together do not come back together. What the service asks for is respected up to
 * the cap; `Retry-After: 3600` has been seen.
 *
 * @param attempt 0 after the first failure.
 * @param random From 0 to 1.
 */
export function toRetryDelayMs(attempt: number, retryAfterMs: number | undefined, random: number): number {
  const backOffMs = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** attempt) * (0.5 + random / 2);
  return Math.max(backOffMs, Math.min(retryAfterMs ?? 0, LONGEST_DELAY_MS));
}
