import type { ServerResponse } from 'node:http';
import type { QueryState } from '#shared/contract/query-document';
import { isTerminal } from '#shared/contract/query-status';
import { toETag } from './etag';
import { toQueryDocument } from '../../queries/query-document';

/** Proxies close what is silent; most wait for a minute at least. */
const COMMENT_MS = 15_000;

/**
 * One open stream of Server-Sent Events: each event is a whole status document, `progress` or at last `end`.
 *
 * A reader that is slow is told the latest document when it can take one, and never more than one waits for it: what
 * is in between is of no use to anyone.
 */
export class QueryEvents {
  private newest: QueryState | undefined;
  /** Waits to be sent. */
  private latest: QueryState | undefined;
  private isClosed = false;
  private readonly comments: NodeJS.Timeout;

  /**
   * @param lastRevision What the client has seen already (`Last-Event-ID`): not sent again.
   * @param onClose Called once, when the stream has ended, whoever ended it.
   */
  constructor(
    private readonly response: ServerResponse,
    private lastRevision: string | undefined,
    onClose: () => void,
  ) {
    response.on('drain', () => this.flush());
    response.on('close', () => {
      this.isClosed = true;
      clearInterval(this.comments);
      onClose();
    });
    this.comments = setInterval(() => {
      if (!response.writableNeedDrain) response.write(': still there\n\n');
    }, COMMENT_MS);
  }

  /** @param state Undefined when the query is gone: there is nothing more to tell. */
  send(state: QueryState | undefined): void {
    if (this.isClosed || this.response.writableEnded) return;
    if (state === undefined) return void this.response.end();
    // Two reads that were made side by side may arrive in any order.
    if (this.newest !== undefined && isBefore(state, this.newest)) return;
    this.newest = state;
    this.latest = state;
    this.flush();
  }

  private flush(): void {
    if (this.latest === undefined || this.response.writableNeedDrain || this.response.writableEnded) return;
    const state = this.latest;
    this.latest = undefined;
    const data = JSON.stringify(toQueryDocument(state));
    const revision = toETag(data).slice(1, -1);
    const isEnd = isTerminal(state.status);
    if (revision !== this.lastRevision)
      this.response.write(`event: ${isEnd ? 'end' : 'progress'}\nid: ${revision}\ndata: ${data}\n\n`);
    this.lastRevision = revision;
    if (isEnd) this.response.end();
  }
}

function isBefore(one: QueryState, other: QueryState): boolean {
  if (isTerminal(one.status) !== isTerminal(other.status)) return isTerminal(other.status);
  if ((one.startedAt === null) !== (other.startedAt === null)) return one.startedAt === null;
  return one.progress.percent < other.progress.percent;
}
