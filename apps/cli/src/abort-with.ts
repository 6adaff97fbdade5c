/**
 * Aborts `controller` when `signal` is aborted, and with its reason. Not `AbortSignal.any`, nor a `Request` in between:
 * either is held weakly by the signals that it is made of, and once it has been garbage collected no abort arrives.
 *
 * @returns Removes the listener, where `signal` outlives the controller.
 */
export function abortWith(controller: AbortController, signal: AbortSignal): () => void {
  const abort = () => controller.abort(signal.reason);
  if (signal.aborted) abort();
  else signal.addEventListener('abort', abort, { once: true });
  return () => signal.removeEventListener('abort', abort);
}
