import { setTimeout as delay } from 'node:timers/promises';

const POLL_MS = 20;

/**
 * Waits for a state instead of a time.
 *
 * @param read What is looked at.
 * @param isReached Whether it is what is waited for.
 * @throws Error with the last state seen, after `limitMs`.
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
      throw new Error(`waited in vain for ${what}; last seen: ${JSON.stringify(state)}`);
    await delay(POLL_MS);
  }
}
