import { setMaxListeners } from 'node:events';
import { Inject, Injectable, type OnModuleDestroy } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import type { QueryState } from '#shared/contract/query-document';
import { isTerminal } from '#shared/contract/query-status';
import { QueryStates } from '#shared/redis/query-states';
import { QueryChanges } from '#shared/redis/query-changes';
import { RecordKeys } from '#shared/redis/record-keys';
import { ApiConfig } from '#shared/config/api-config';
import { ANONYMOUS, AUTHENTICATOR, type Authenticator, type Credential } from '../../../auth/authenticator';
import { ProblemError } from '../../../http/problem-error';
import { SUBSCRIBER } from '../../../queue/redis.token';
import type { Redis } from 'ioredis';
import { toETag } from '../etag';
import { toDocumentText } from '../../../queue/query-document';
import { EventTimes, QueryEvents } from './event-stream';
import { QueryService } from '../query-service';
import { type Awaited, waitForQuery } from './wait-for-query';
import { QueryWatch } from './query-watch';
import { toHangUp } from '../../../http/client-gone';

/** How often queries are looked for of which nothing was heard (it reads nothing of the others), and credentials checked. */
const LOOK_EVERY_MS = 1_000;

/** A caller with too many streams has to wait for one to end, which nobody can tell. */
const STREAMS_RETRY_SECONDS = '10';

/** Everyone who waits for a query, by a long poll or a stream: all are told by one subscription. */
@Injectable()
export class QueryStreams implements OnModuleDestroy {
  private readonly watch: QueryWatch;
  private readonly changes: QueryChanges;
  private readonly closing = new AbortController();
  /** With the credential that each was opened with. */
  private readonly streams = new Map<QueryEvents, Credential>();
  private readonly looks: NodeJS.Timeout;
  private readonly toDocument = (state: QueryState) => toDocumentText(state, this.config.publicBasePath);

  constructor(
    private readonly queries: QueryService,
    states: QueryStates,
    @Inject(SUBSCRIBER) subscriber: Redis,
    private readonly config: ApiConfig,
    private readonly times: EventTimes,
    @Inject(AUTHENTICATOR) authenticator: Authenticator,
    keys: RecordKeys,
  ) {
    // As many listen as wait.
    setMaxListeners(0, this.closing.signal);
    this.watch = new QueryWatch((id) => states.decide(id));
    authenticator.onChange?.(() => this.endInvalid());
    this.looks = setInterval(() => {
      this.watch.readQuiet(times.quietMs);
      // A timer alone would miss an expiry when the clock is set.
      this.endInvalid();
    }, LOOK_EVERY_MS).unref();
    this.changes = new QueryChanges(subscriber, keys, {
      onChange: (id) => this.watch.changed(id),
      onEnd: (id, read) => this.watch.ended(id, read),
      onReturn: () => this.watch.allChanged(),
    });
  }

  /** How many wait at the moment. */
  get waiting(): number {
    return this.watch.size;
  }

  /** How many of these do so by a stream. */
  get openStreams(): number {
    return this.streams.size;
  }

  /** The process is going: whoever waits is answered as things are, and comes back to another one. */
  onModuleDestroy(): void {
    this.closing.abort();
    // Others have to end too, after this.
    const lingerMs = Math.min(this.times.lingerMs, this.config.shutdownGraceSeconds * 500);
    for (const events of this.streams.keys()) events.end(lingerMs);
    this.changes.close();
    clearInterval(this.looks);
  }

  /**
   * The query as soon as it is as it is waited for, or when the time is over.
   *
   * @throws What `begin` throws, or `QueryService.read`; ClientGoneError when the client hangs up, which terminates
   *   nothing.
   */
  async wait(query: Awaited, caller: string, seconds: number, reply: FastifyReply): Promise<QueryState> {
    try {
      const read = () => this.queries.read(query.id, caller);
      const ends = { hangUp: toHangUp(reply.raw), closing: this.closing.signal };
      return await waitForQuery(query, { watch: this.watch, read }, seconds * 1_000, ends);
    } finally {
      // Nothing that is asked for on this connection would be answered any more.
      if (this.closing.signal.aborted) void reply.header('Connection', 'close');
    }
  }

  /**
   * Opens a stream of Server-Sent Events; nothing is sent that the client has seen.
   *
   * Ends with its credential, and after `EventTimes.longestMs`: the client resumes it with a request that is checked anew.
   *
   * @param state As it was read a moment ago.
   * @throws ProblemError TOO_MANY_STREAMS
   */
  async open(state: QueryState, lastRevision: string | undefined, reply: FastifyReply): Promise<void> {
    const { id, caller } = state;
    const isSeen = lastRevision === toETag(this.toDocument(state)).slice(1, -1);
    // Tells an EventSource, which otherwise comes back after every end, that this was all.
    if (isTerminal(state.status) && isSeen) return void reply.status(204).header('Cache-Control', 'no-store').send();
    this.checkCount(caller);
    const isClosing = this.closing.signal.aborted;
    void reply.headers({
      ...(isClosing && { Connection: 'close' }),
      'Content-Type': 'text/event-stream; charset=utf-8',
      'Cache-Control': 'no-store',
      'X-Accel-Buffering': 'no',
    });
    reply.hijack();
    if (toHangUp(reply.raw).aborted) return;
    reply.raw.writeHead(200, { ...reply.getHeaders() } as Record<string, string>);
    if (reply.request.method === 'HEAD') return void reply.raw.end();
    reply.raw.flushHeaders();
    const events = new QueryEvents(reply.raw, this.toDocument, lastRevision, this.times, () => {
      clearTimeout(expiry);
      unsubscribe();
      this.streams.delete(events);
    });
    const credential = reply.request.credential ?? ANONYMOUS;
    this.streams.set(events, credential);
    const lastsMs = Math.min(this.times.longestMs, (credential.expiresAt ?? Infinity) - Date.now());
    const expiry = setTimeout(() => events.expire(), lastsMs);
    const unsubscribe = this.watch.subscribe(id, 'changes', (latest) => events.send(latest));
    // Read again: it may have changed before the subscription. No more where the process is going, which has told the
    // streams so that there were: this reader comes back to another one.
    events.send(isClosing ? state : await this.queries.read(id, caller).catch(() => state));
    if (isClosing) events.end();
  }

  /** Of this process: over all of them, the streams of one that was killed would have to be found and forgotten. */
  private checkCount(caller: string): void {
    const count = [...this.streams.values()].filter((credential) => credential.caller === caller).length;
    if (count < this.config.eventStreamsPerCaller) return;
    throw new ProblemError('TOO_MANY_STREAMS', { headers: { 'Retry-After': STREAMS_RETRY_SECONDS } });
  }

  private endInvalid(): void {
    for (const [events, credential] of this.streams) if (!credential.isStillValid()) events.expire();
  }
}
