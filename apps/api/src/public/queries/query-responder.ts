import { Injectable } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ApiConfig } from '#shared/config/api-config';
import type { QueryState } from '#shared/contract/query-document';
import { isTerminal, QueryStatus } from '#shared/contract/query-status';
import { QueryQueue } from '../../queue/query-queue';
import { RedisClock } from '../../queue/redis-clock';
import { ProblemError } from '../../http/problem-error';
import { isNamedBy, toETag } from './etag';
import { toDocumentText } from '../../queue/query-document';
import { toRetryAfterSeconds } from './retry-after';
import { toLocation } from '../../http/headers';

/** Readable by scripts of other origins, where such are let in. */
export const EXPOSED_HEADERS =
  'Location, Retry-After, ETag, Preference-Applied, Idempotency-Replayed, Link, RateLimit, RateLimit-Policy, WWW-Authenticate';

/** Turns what is known of a query into an answer. */
@Injectable()
export class QueryResponder {
  constructor(
    private readonly queue: QueryQueue,
    private readonly clock: RedisClock,
    private readonly config: ApiConfig,
  ) {}

  /** The status document with its headers; 304 where the client has it already. */
  async send(status: number, state: QueryState, request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const body = toDocumentText(state, this.config.publicBasePath);
    const etag = toETag(body);
    void reply.headers({
      ETag: etag,
      'Cache-Control': 'no-store',
      'Access-Control-Expose-Headers': EXPOSED_HEADERS,
    });
    if (!isTerminal(state.status) && !reply.hasHeader('Retry-After')) {
      void reply.header('Retry-After', await this.readRetryAfter(state));
    }
    const isRead = request.method === 'GET' || request.method === 'HEAD';
    if (isRead && isNamedBy(request.headers['if-none-match'], etag)) {
      return void reply.status(304).send();
    }
    return void reply.status(status).type('application/json; charset=utf-8').send(body);
  }

  /**
   * The answer of the result's place: 202 and sent round again while the query is alive, 200 with the result.
   *
   * @throws ProblemError with the failure's code when there will be no result.
   */
  async sendResult(state: QueryState, request: FastifyRequest, reply: FastifyReply): Promise<void> {
    if (state.status === QueryStatus.Completed) return this.send(200, state, request, reply);
    if (isTerminal(state.status)) {
      // A submission that was waited for has no other word of its id.
      throw new ProblemError(state.error?.code ?? 'QUERY_FAILED', {
        instance: this.config.publicBasePath + toResultPath(state),
      });
    }
    return this.sendAlive(state, request, reply);
  }

  /** The answer that sends a client round again, to where the result is or will be. */
  async sendAlive(state: QueryState, request: FastifyRequest, reply: FastifyReply): Promise<void> {
    void reply.headers({
      Location: toLocation(this.config, toResultPath(state)),
      // Of a query that has ended, as one can be that is submitted again: there is nothing to wait for.
      'Retry-After': isTerminal(state.status) ? 1 : await this.readRetryAfter(state),
    });
    return this.send(202, state, request, reply);
  }

  async readRetryAfter(state: QueryState): Promise<number> {
    const [waiting, now] = await Promise.all([
      state.startedAt === null ? this.queue.countWaiting() : 0,
      // Without Redis' clock the query counts as new, and the next poll is soon.
      this.clock.read().catch(() => 0),
    ]);
    return toRetryAfterSeconds(state, waiting, now, Math.random());
  }
}

function toResultPath({ id }: QueryState): string {
  return `/api/queries/${id}/result`;
}
