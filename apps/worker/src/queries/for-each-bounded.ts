import { setMaxListeners } from 'node:events';

/**
 * Calls `work` for each item, at most `atOnce` side by side, in order. When one fails, or `signal` is aborted,
 * the others are told by their signal and no more are begun; it returns when all that were begun have ended.
 *
 * @throws The first failure, or the reason of the abort.
 */
export async function forEachBounded<T>(
  items: readonly T[],
  atOnce: number,
  signal: AbortSignal,
  work: (item: T, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  signal.throwIfAborted();
  const stop = new AbortController();
  // As many listen as work.
  setMaxListeners(0, stop.signal);
  const onAbort = () => stop.abort(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  const remaining = items.values();
  const lane = async () => {
    for (const item of remaining) {
      if (stop.signal.aborted) return;
      try {
        await work(item, stop.signal);
      } catch (error) {
        // Only the first reason is kept.
        stop.abort(error);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, lane));
  signal.removeEventListener('abort', onAbort);
  stop.signal.throwIfAborted();
}
