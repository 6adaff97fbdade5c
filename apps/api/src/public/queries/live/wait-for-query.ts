import type { QueryState } from '#shared/contract/query-document';
import { isTerminal } from '#shared/contract/query-status';
import type { QueryWatch } from './query-watch';

/** What a wait ends with early: the client has hung up, and nobody is there to be answered. */
export class ClientGoneError extends Error {
  override readonly name = 'ClientGoneError';
}

/** A query that is waited for. */
export interface Awaited {
  id: string;
  /** Gives it as it is to begin with; throws when there is nothing to wait for. */
  begin: () => Promise<QueryState>;
  /**
   * It is submitted by `begin`: whoever waits is told of that at least, where it cannot be read when the time is over.
   */
  isSubmission?: boolean;
  /** What is waited for besides the end. */
  isNews?: ((state: QueryState) => boolean) | undefined;
}

/**
 * The query as soon as it is as it is waited for, or as it is when the time is over.
 *
 * Subscribed first and begun then, so that no change can fall in between.
 *
 * @param read Throws when the query is gone, or is not the caller's.
 * @param ends `hangUp`: nobody is there to be answered. `closing`: the process is going, so the time is over.
 * @throws What `begin` and `read` throw; ClientGoneError when `hangUp` is aborted.
 */
export async function waitForQuery(
  { id, begin, isSubmission = false, isNews }: Awaited,
  { watch, read }: { watch: QueryWatch; read: () => Promise<QueryState> },
  waitMs: number,
  { hangUp, closing }: { hangUp: AbortSignal; closing: AbortSignal },
): Promise<QueryState> {
  const isReached = (state: QueryState) => isTerminal(state.status) || isNews?.(state) === true;
  let first: QueryState | undefined;
  let reached: QueryState | undefined;
  let wake: () => void = () => {};
  const woken = new Promise<void>((resolve) => (wake = resolve));
  const unsubscribe = watch.subscribe(id, isNews === undefined ? 'end' : 'changes', (state) => {
    // Before it has begun there may be none to be read.
    if (state === undefined ? first === undefined : !isReached(state)) return;
    reached = state;
    wake();
  });
  const timer = setTimeout(wake, waitMs);
  for (const signal of [hangUp, closing]) signal.addEventListener('abort', wake, { once: true });
  try {
    first = await begin();
    if (isReached(first) || closing.aborted) return first;
    if (!hangUp.aborted) await woken;
    if (hangUp.aborted) throw new ClientGoneError('the client hung up');
    if (closing.aborted) return reached ?? first;
    if (reached !== undefined) return reached;
    // The time is over; or the query is gone, as the read will say.
    return await read().catch((error: unknown) => {
      if (isSubmission && first !== undefined) return first;
      throw error;
    });
  } finally {
    clearTimeout(timer);
    unsubscribe();
    for (const signal of [hangUp, closing]) signal.removeEventListener('abort', wake);
  }
}
