import { Injectable } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import type { QueryState } from '#shared/contract/query-document';
import { isTerminal } from '#shared/contract/query-status';
import { ClientGoneError, toClosedSignal } from '../../../http/client-gone';
import { OwnQueries } from '../own-queries';
import { LiveQueries } from './live-queries';
import type { QueryWatch } from './query-watch';

/** What a long poll waits for. */
export interface LongPoll {
  id: string;
  /** Reads or submits the query; throws if there is nothing to wait for. */
  begin: () => Promise<QueryState>;
  /** `begin` submits the query: its answer is sent even if the query cannot be read after the timeout. */
  isSubmission?: boolean;
  /** A state, besides a terminal one, that ends the wait. */
  isNews?: ((state: QueryState) => boolean) | undefined;
}

/** Holds answers back until a query changes. */
@Injectable()
export class LongPolls {
  constructor(
    private readonly live: LiveQueries,
    private readonly queries: OwnQueries,
  ) {}

  /** Waits as `waitForQuery` does, until the client closes its connection or the process shuts down. */
  async wait(poll: LongPoll, caller: string, seconds: number, reply: FastifyReply): Promise<QueryState> {
    const { closing } = this.live;
    try {
      const read = () => this.queries.read(poll.id, caller);
      const ends = { closed: toClosedSignal(reply.raw), closing };
      return await waitForQuery(poll, { watch: this.live, read }, seconds * 1_000, ends);
    } finally {
      // This process answers no further request on the connection.
      if (closing.aborted) void reply.header('Connection', 'close');
    }
  }
}

/**
 * Resolves when the query ends or has news, or with its current state after the timeout or at shutdown.
 *
 * @param read Throws if the query is gone, or is another caller's.
 * @param ends `closed`: the client closed its connection. `closing`: the process shuts down.
 * @throws What `begin` and `read` throw; ClientGoneError when `closed` is aborted, which terminates nothing.
 */
export async function waitForQuery(
  { id, begin, isSubmission = false, isNews }: LongPoll,
  { watch, read }: { watch: Pick<QueryWatch, 'subscribe'>; read: () => Promise<QueryState> },
  waitMs: number,
  { closed, closing }: { closed: AbortSignal; closing: AbortSignal },
): Promise<QueryState> {
  const isReached = (state: QueryState) => isTerminal(state.status) || isNews?.(state) === true;
  let first: QueryState | undefined;
  let reached: QueryState | undefined;
  let wake: () => void = () => {};
  const woken = new Promise<void>((resolve) => (wake = resolve));
  // Subscribed before `begin`, so that no change is missed in between.
  const unsubscribe = watch.subscribe(id, isNews === undefined ? 'end' : 'changes', (state) => {
    // Before a submission has begun, the query may have no record yet.
    if (state === undefined ? first === undefined : !isReached(state)) return;
    reached = state;
    wake();
  });
  const timer = setTimeout(wake, waitMs);
  for (const signal of [closed, closing]) signal.addEventListener('abort', wake, { once: true });
  try {
    first = await begin();
    if (isReached(first) || closing.aborted) return first;
    if (!closed.aborted) await woken;
    if (closed.aborted) throw new ClientGoneError('the client closed its connection');
    if (closing.aborted) return reached ?? first;
    if (reached !== undefined) return reached;
    // The timeout has passed; or the query is gone, and the read throws.
    return await read().catch((error: unknown) => {
      if (isSubmission && first !== undefined) return first;
      throw error;
    });
  } finally {
    clearTimeout(timer);
    unsubscribe();
    for (const signal of [closed, closing]) signal.removeEventListener('abort', wake);
  }
}
