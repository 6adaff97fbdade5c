import { Inject, Injectable } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { ApiConfig } from '#shared/config/api-config';
import type { QueryState } from '#shared/contract/query-document';
import { isTerminal } from '#shared/contract/query-status';
import { ANONYMOUS, AUTHENTICATOR, type Authenticator, type Credential } from '../../../auth/authenticator';
import { toClosedSignal } from '../../../http/client-gone';
import { ProblemError } from '../../../http/problem-error';
import { toDocumentText } from '../../../queue/query-document';
import { toETag } from '../../../http/etag';
import { OwnQueries } from '../own-queries';
import { EventStream, EventTimes } from './event-stream';
import { LiveQueries } from './live-queries';

/** A timer alone would miss the expiry of a credential when the clock is set. */
const CHECK_CREDENTIALS_EVERY_MS = 1_000;

/** When another stream of the caller ends is unknown. */
const STREAMS_RETRY_SECONDS = '10';

/** The open event streams of this process. */
@Injectable()
export class EventStreams {
  /** With the credential that opened each. */
  private readonly streams = new Map<EventStream, Credential>();
  private readonly toDocument = (state: QueryState) => toDocumentText(state, this.config.publicBasePath);

  constructor(
    private readonly live: LiveQueries,
    private readonly queries: OwnQueries,
    private readonly config: ApiConfig,
    private readonly times: EventTimes,
    @Inject(AUTHENTICATOR) authenticator: Authenticator,
  ) {
    authenticator.onChange?.(() => this.endInvalid());
    const checks = setInterval(() => this.endInvalid(), CHECK_CREDENTIALS_EVERY_MS).unref();
    live.closing.addEventListener('abort', () => {
      clearInterval(checks);
      // Half of the grace: other parts of the process shut down after this.
      const lingerMs = Math.min(times.lingerMs, config.shutdownGraceSeconds * 500);
      for (const stream of this.streams.keys()) stream.end(lingerMs);
    });
  }

  get count(): number {
    return this.streams.size;
  }

  /**
   * Opens a stream of Server-Sent Events, without the event that the client has already received.
   *
   * The stream ends when its credential expires, and after `EventTimes.longestMs`: the client resumes it with a new request,
   * whose credential is checked.
   *
   * @param state Read a moment ago.
   * @param lastRevision `Last-Event-ID`.
   * @throws ProblemError TOO_MANY_STREAMS
   */
  async open(state: QueryState, lastRevision: string | undefined, reply: FastifyReply): Promise<void> {
    const { id, caller } = state;
    const isReceived = lastRevision === toETag(this.toDocument(state)).slice(1, -1);
    // 204 stops an EventSource, which reconnects after any other end.
    if (isTerminal(state.status) && isReceived)
      return void reply.status(204).header('Cache-Control', 'no-store').send();
    this.checkCount(caller);
    const isClosing = this.live.closing.aborted;
    void reply.headers({
      ...(isClosing && { Connection: 'close' }),
      'Content-Type': 'text/event-stream; charset=utf-8',
      'Cache-Control': 'no-store',
      'X-Accel-Buffering': 'no',
    });
    reply.hijack();
    if (toClosedSignal(reply.raw).aborted) return;
    reply.raw.writeHead(200, { ...reply.getHeaders() } as Record<string, string>);
    if (reply.request.method === 'HEAD') return void reply.raw.end();
    reply.raw.flushHeaders();
    const stream = new EventStream(reply.raw, this.toDocument, lastRevision, this.times, () => {
      clearTimeout(expiry);
      unsubscribe();
      this.streams.delete(stream);
    });
    const credential = reply.request.credential ?? ANONYMOUS;
    this.streams.set(stream, credential);
    const lastsMs = Math.min(this.times.longestMs, (credential.expiresAt ?? Infinity) - Date.now());
    const expiry = setTimeout(() => stream.expire(), lastsMs);
    const unsubscribe = this.live.subscribe(id, 'changes', (latest) => stream.send(latest));
    // Read again: the query may have changed before the subscription. Not at shutdown, whose signal came before this
    // stream was open: its client reconnects to another process.
    stream.send(isClosing ? state : await this.queries.read(id, caller).catch(() => state));
    if (isClosing) stream.end();
  }

  /** Counts this process alone: a count in Redis would keep the streams of a killed process. */
  private checkCount(caller: string): void {
    const count = [...this.streams.values()].filter((credential) => credential.caller === caller).length;
    if (count < this.config.eventStreamsPerCaller) return;
    throw new ProblemError('TOO_MANY_STREAMS', { headers: { 'Retry-After': STREAMS_RETRY_SECONDS } });
  }

  private endInvalid(): void {
    for (const [stream, credential] of this.streams) if (!credential.isStillValid()) stream.expire();
  }
}
