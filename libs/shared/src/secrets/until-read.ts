import { setTimeout as delay } from 'node:timers/promises';
import { SecretError } from './secret-error';

const FIRST_DELAY_MS = 500;

/** Slow enough for a vault that is missed by a whole fleet, soon enough after somebody has granted a role. */
const LONGEST_BACK_OFF_MS = 30_000;

/** The most that a service's own word is followed: nobody could tell a longer silence from a process that hangs. */
const LONGEST_RETRY_AFTER_MS = 120_000;

/**
 * Reads until it works, however long that takes: what is missing may be granted or added at any time.
 *
 * @param onFailure Told each time, and after how long it is tried again.
 * @throws what `read` throws and is no SecretError; the signal's reason.
 */
export async function untilRead<T>(
  read: () => Promise<T>,
  onFailure: (error: SecretError, delayMs: number) => void,
  signal: AbortSignal,
): Promise<T> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await read();
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof SecretError)) throw error;
      const delayMs = toSecretDelayMs(attempt, error.options.retryAfterMs, Math.random());
      onFailure(error, delayMs);
      await delay(delayMs, undefined, { signal }).catch(() => signal.throwIfAborted());
    }
  }
}

/**
 * How long to wait before a secret is asked for again: doubled each time, capped, spread over its upper half, and no
 * shorter than the service asks for, up to two minutes.
 *
 * @param attempt 0 after the first failure.
 * @param random From 0 to 1.
 */
export function toSecretDelayMs(attempt: number, retryAfterMs: number | undefined, random: number): number {
  const backOffMs = Math.min(LONGEST_BACK_OFF_MS, FIRST_DELAY_MS * 2 ** attempt) * (0.5 + random / 2);
  return Math.max(backOffMs, Math.min(retryAfterMs ?? 0, LONGEST_RETRY_AFTER_MS));
}
