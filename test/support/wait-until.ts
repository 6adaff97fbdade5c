import { setTimeout as delay } from 'node:timers/promises';

const POLL_MS = 20;

/**
 * Polls `read` until `isReached` returns true for its state.
 *
 * @param what The expected state, for the error.
 * @throws Error with the last state, after `limitMs`.
 */
export async function waitUntil<T>(
  what: string,
  read: () => Promise<T> | T,
  isReached: (state: T) => boolean,
  limitMs = 20_000,
): Promise<T> {
  const giveUpAt = performance.now() + limitMs;
  for (;;) {
    const state = await read();
    if (isReached(state)) return state;
    if (performance.now() > giveUpAt)
      throw new Error(`timeout waiting for ${what}; last state: ${JSON.stringify(state)}`);
    await delay(POLL_MS);
  }
}
