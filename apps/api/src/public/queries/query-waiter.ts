import type { QueryState } from '#shared/contract/query-document';
import type { QueryWatch } from './query-watch';

/** What a wait ends with early: the client has hung up, and nobody is there to be answered. */
export class ClientGoneError extends Error {
  override readonly name = 'ClientGoneError';
}

/**
 * The query as soon as it is as it is waited for, or as it is when the time is over.
 *
 * Subscribed first and read then, so that no change can fall in between.
 *
 * @param read Throws when the query is gone, or is not the caller's.
 * @param ends `hangUp`: nobody is there to be answered. `closing`: the process is going, so the time is over.
 * @throws What `read` throws; ClientGoneError when `hangUp` is aborted.
 */
export async function waitForQuery(
  id: string,
  { watch, read }: { watch: QueryWatch; read: () => Promise<QueryState> },
  isReached: (state: QueryState) => boolean,
  waitMs: number,
  { hangUp, closing }: { hangUp: AbortSignal; closing: AbortSignal },
): Promise<QueryState> {
  let latest: QueryState | undefined;
  let isGone = false;
  let wake: () => void = () => {};
  const woken = new Promise<void>((resolve) => (wake = resolve));
  const unsubscribe = watch.subscribe(id, (state) => {
    latest = state;
    isGone = state === undefined;
    if (isGone || (state !== undefined && isReached(state))) wake();
  });
  const timer = setTimeout(wake, waitMs);
  for (const signal of [hangUp, closing]) signal.addEventListener('abort', wake, { once: true });
  try {
    const first = await read();
    if (isReached(first) || closing.aborted) return first;
    await woken;
    if (hangUp.aborted) throw new ClientGoneError('the client hung up');
    // What the watch has read is read for all who wait; only a query that is gone is asked for again.
    return isGone ? await read() : (latest ?? first);
  } finally {
    clearTimeout(timer);
    unsubscribe();
    for (const signal of [hangUp, closing]) signal.removeEventListener('abort', wake);
  }
}
