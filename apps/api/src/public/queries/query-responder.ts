import { randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ApiConfig } from '#shared/config/api-config';
import type { QueryState } from '#shared/contract/query-document';
import { isTerminal, QueryStatus } from '#shared/contract/query-status';
import { toLocation, toNextPageLink } from '../../http/headers';
import { ProblemError } from '../../http/problem-error';
import { toDocumentText, toQueryDocument } from '../../queue/query-document';
import type { QueryPage } from '../../queue/query-list';
import { QueryQueue } from '../../queue/query-queue';
import { RedisClock } from '../../queue/redis-clock';
import { isNamedBy, toETag } from '../../http/etag';
import { toRetryAfterSeconds } from './retry-after';
import { toStatusPage } from './status-page/status-page';
import { toStatusPageHeaders } from './status-page/status-page-headers';

/** Response headers that scripts of the origins in `CORS_ORIGINS` can read. */
export const EXPOSED_HEADERS =
  'Location, Retry-After, ETag, Preference-Applied, Idempotency-Replayed, Link, RateLimit, RateLimit-Policy, WWW-Authenticate';

/** Answers with the state of queries. */
@Injectable()
export class QueryResponder {
  constructor(
    private readonly queue: QueryQueue,
    private readonly clock: RedisClock,
    private readonly config: ApiConfig,
  ) {}

  /** Whether `If-None-Match` names the current status document. */
  isKnown(state: QueryState, ifNoneMatch: string | undefined): boolean {
    return isNamedBy(ifNoneMatch, toETag(this.toText(state)));
  }

  /** Sends the status document, or 304 if the client has it. */
  async send(status: number, state: QueryState, request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const body = this.toText(state);
    const etag = toETag(body);
    void reply.headers({
      ETag: etag,
      'Cache-Control': 'no-store',
      'Access-Control-Expose-Headers': EXPOSED_HEADERS,
    });
    if (!isTerminal(state.status) && !reply.hasHeader('Retry-After')) {
      void reply.header('Retry-After', await this.readRetryAfterSeconds(state));
    }
    const isRead = request.method === 'GET' || request.method === 'HEAD';
    if (isRead && isNamedBy(request.headers['if-none-match'], etag)) {
      return void reply.status(304).send();
    }
    return void reply.status(status).type('application/json; charset=utf-8').send(body);
  }

  /**
   * Sends the answer of the result's URL: 200 with the result, or 202 while the query is not terminal.
   *
   * @throws ProblemError with the failure's code for a query without a result.
   */
  async sendResult(state: QueryState, request: FastifyRequest, reply: FastifyReply): Promise<void> {
    if (state.status === QueryStatus.Completed) return this.send(200, state, request, reply);
    if (isTerminal(state.status)) {
      // The client of a submission with a wait learns the id from this alone.
      throw new ProblemError(state.error?.code ?? 'QUERY_FAILED', {
        instance: this.config.publicBasePath + toResultPath(state),
      });
    }
    return this.sendAlive(state, request, reply);
  }

  /** Sends 202 with the result's URL in `Location`. */
  async sendAlive(state: QueryState, request: FastifyRequest, reply: FastifyReply): Promise<void> {
    void reply.headers({
      Location: toLocation(this.config, toResultPath(state)),
      // A replayed submission may be of a query that has ended: its result needs no wait.
      'Retry-After': isTerminal(state.status) ? 1 : await this.readRetryAfterSeconds(state),
    });
    return this.send(202, state, request, reply);
  }

  /** @param query The parameters of the request. */
  sendPage(page: QueryPage, query: object, reply: FastifyReply): void {
    const { states, nextPageToken = null } = page;
    const basePath = this.config.publicBasePath;
    if (nextPageToken !== null)
      void reply.header('Link', toNextPageLink(`${basePath}/api/queries`, query, nextPageToken));
    const items = states.map((state) => toQueryDocument(state, basePath));
    void reply.header('Cache-Control', 'no-store').send({ items, nextPageToken });
  }

  async sendStatusPage(state: QueryState, reply: FastifyReply): Promise<void> {
    if (!isTerminal(state.status)) void reply.header('Retry-After', await this.readRetryAfterSeconds(state));
    const nonce = randomBytes(16).toString('base64');
    void reply
      .headers({ ...toStatusPageHeaders(nonce), 'Cache-Control': 'no-store' })
      .send(toStatusPage(toQueryDocument(state, this.config.publicBasePath), nonce));
  }

  async readRetryAfterSeconds(state: QueryState): Promise<number> {
    const [waiting, now] = await Promise.all([
      state.startedAt === null ? this.queue.countWaiting() : 0,
      // Without Redis' clock the query counts as new, and the next poll is soon.
      this.clock.read().catch(() => 0),
    ]);
    return toRetryAfterSeconds(state, waiting, now, Math.random());
  }

  private toText(state: QueryState): string {
    return toDocumentText(state, this.config.publicBasePath);
  }
}

function toResultPath({ id }: QueryState): string {
  return `/api/queries/${id}/result`;
}
