import { type BackOff, retry, toBackOffMs } from '../process/retry';
import { SecretError } from './secret-error';

const BACK_OFF: BackOff = {
  firstMs: 500,
  /** Slow enough for a vault that a whole fleet asks, soon enough after an operator has granted a role. */
  longestMs: 30_000,
  /** A longer silence would look like a process that hangs. */
  longestRetryAfterMs: 120_000,
};

/**
 * Reads until it works, however long that takes: what is missing may be granted or added at any time.
 *
 * @param onFailure Told each time, and after how long it is tried again.
 * @throws what `read` throws and is no SecretError; the signal's reason.
 */
export function untilRead<T>(
  read: () => Promise<T>,
  onFailure: (error: SecretError, delayMs: number) => void,
  signal: AbortSignal,
): Promise<T> {
  const toDelayMs = (error: unknown, failures: number) => {
    signal.throwIfAborted();
    if (!(error instanceof SecretError)) throw error;
    const delayMs = toSecretDelayMs(failures, error.options.retryAfterMs, Math.random());
    onFailure(error, delayMs);
    return delayMs;
  };
  return retry(read, toDelayMs, signal);
}

/** The delay before a secret is read again; see {@link toBackOffMs}. */
export function toSecretDelayMs(attempt: number, retryAfterMs: number | undefined, random: number): number {
  return toBackOffMs(BACK_OFF, attempt, retryAfterMs, random);
}
