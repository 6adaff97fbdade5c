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
  let wake: () => void = () => {};
  const woken = new Promise<void>((resolve) => (wake = resolve));
  const unsubscribe = watch.subscribe(id, (state) => {
    if (state === undefined || isReached(state)) wake();
  });
  const timer = setTimeout(wake, waitMs);
  for (const signal of [hangUp, closing]) signal.addEventListener('abort', wake, { once: true });
  try {
    const state = await read();
    if (isReached(state) || closing.aborted) return state;
    await woken;
    if (hangUp.aborted) throw new ClientGoneError('the client hung up');
    return await read();
  } finally {
    clearTimeout(timer);
    unsubscribe();
    for (const signal of [hangUp, closing]) signal.removeEventListener('abort', wake);
  }
}
