import type { ServerResponse } from 'node:http';
import type { QueryState } from '#shared/contract/query-document';
import { isTerminal } from '#shared/contract/query-status';
import { toETag } from '../../../http/etag';
import { toClosedSignal } from '../../../http/client-gone';

/** How patient the streams of events are. A class, so that it can be asked for by its type. */
export abstract class EventTimes {
  /** Between two comments. */
  abstract readonly commentMs: number;
  /** How long a reader is waited for that has not taken all, once there is nothing more to come. */
  abstract readonly lingerMs: number;
  /** Nothing was heard of a query that is waited for: after this it is read. */
  abstract readonly quietMs: number;
  /** The longest that a stream stays open. Its client resumes it, with its credential checked again. */
  abstract readonly longestMs: number;
}

/** Proxies close what is silent, most after a minute at least; a reader that takes nothing for half of one is gone. */
export const EVENT_TIMES: EventTimes = { commentMs: 15_000, lingerMs: 30_000, quietMs: 30_000, longestMs: 900_000 };

/** When a client comes back to a stream that was cut. Some have no default of their own, or come back at once. */
const RECONNECT_MS = 3_000;

/**
 * One open stream of Server-Sent Events: each event is a whole status document, `progress` or at last `end`.
 *
 * A slow reader gets the latest document when its connection accepts one. At most one document waits for it; those in
 * between are dropped. After the last one the reader has `lingerMs` to take the rest: otherwise the stream of a client that
 * reads nothing would never end.
 */
export class EventStream {
  private newest: QueryState | undefined;
  /** Waits to be sent. */
  private latest: QueryState | undefined;
  private readonly closed: AbortSignal;
  private readonly comments: NodeJS.Timeout;
  private cut: NodeJS.Timeout | undefined;

  /**
   * @param toDocument The status document as text.
   * @param lastRevision What the client has seen already (`Last-Event-ID`): not sent again.
   * @param onClose Called once, when the stream has ended, by the client or the service.
   */
  constructor(
    private readonly response: ServerResponse,
    private readonly toDocument: (state: QueryState) => string,
    private lastRevision: string | undefined,
    private readonly times: EventTimes,
    onClose: () => void,
  ) {
    response.write(`retry: ${RECONNECT_MS}\n\n`);
    response.on('drain', () => this.flush());
    // Fastify listens for the first error only, and an error without a listener ends the process.
    response.on('error', () => response.destroy());
    this.closed = toClosedSignal(response);
    const close = () => {
      response.off('close', close);
      this.closed.removeEventListener('abort', close);
      clearInterval(this.comments);
      clearTimeout(this.cut);
      onClose();
    };
    response.on('close', close);
    this.closed.addEventListener('abort', close);
    this.comments = setInterval(() => {
      if (this.isWritable) response.write(': still there\n\n');
    }, times.commentMs);
  }

  /** @param state Undefined when the query is gone: there is nothing more to tell. */
  send(state: QueryState | undefined): void {
    if (this.isOver) return;
    if (state === undefined) return this.end();
    // Two reads that were made side by side may arrive in any order.
    if (this.newest !== undefined && isBefore(state, this.newest)) return;
    this.newest = state;
    this.latest = state;
    // The end itself may have to wait for the reader.
    if (isTerminal(state.status)) this.cutAfter(this.times.lingerMs);
    this.flush();
  }

  /** Sends nothing more. */
  end(lingerMs = this.times.lingerMs): void {
    this.response.end();
    this.cutAfter(lingerMs);
  }

  /** The same where that has not happened yet: a reader that takes nothing is cut off no later for being told again. */
  expire(): void {
    if (!this.isOver) this.end();
  }

  private flush(): void {
    if (this.latest === undefined || !this.isWritable) return;
    const state = this.latest;
    this.latest = undefined;
    const data = this.toDocument(state);
    const revision = toETag(data).slice(1, -1);
    const isEnd = isTerminal(state.status);
    if (revision !== this.lastRevision)
      this.response.write(`event: ${isEnd ? 'end' : 'progress'}\nid: ${revision}\ndata: ${data}\n\n`);
    this.lastRevision = revision;
    if (isEnd) this.end();
  }

  private cutAfter(lingerMs: number): void {
    clearTimeout(this.cut);
    if (this.response.closed || this.closed.aborted) return;
    // It cannot be read before its turn on the connection.
    if (this.response.socket === null) this.response.once('socket', () => this.cutAfter(lingerMs));
    else this.cut = setTimeout(() => this.response.destroy(), lingerMs);
  }

  /** After the end Node tells of no need to drain any more, however much waits, and the end may be long in going out. */
  private get isWritable(): boolean {
    return !this.isOver && !this.response.writableNeedDrain;
  }

  private get isOver(): boolean {
    return this.response.destroyed || this.response.writableEnded || this.closed.aborted;
  }
}

function isBefore(one: QueryState, other: QueryState): boolean {
  if (isTerminal(one.status) !== isTerminal(other.status)) return isTerminal(other.status);
  if ((one.startedAt === null) !== (other.startedAt === null)) return one.startedAt === null;
  // Neither of these ever goes back.
  return one.progress.percent < other.progress.percent || one.progress.atLeast < other.progress.atLeast;
}
