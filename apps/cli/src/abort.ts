import { setTimeout as delay } from 'node:timers/promises';

/**
 * Aborts `controller` with the signal's reason when `signal` is aborted. `AbortSignal.any` and `Request` would hold the
 * signals weakly: once garbage collection has removed such a link, the abort never arrives.
 *
 * @returns Removes the listener; call it if the signal outlives the controller.
 */
export function abortWith(controller: AbortController, signal: AbortSignal): () => void {
  const abort = () => controller.abort(signal.reason);
  if (signal.aborted) abort();
  else signal.addEventListener('abort', abort, { once: true });
  return () => signal.removeEventListener('abort', abort);
}

/** @throws The signal's reason, where Node would throw an AbortError. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => signal.throwIfAborted());
}
