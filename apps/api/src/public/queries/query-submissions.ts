import { randomUUID } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import type { RedisClient } from '#shared/redis/redis-client';
import { ApiConfig } from '#shared/config/api-config';
import { countDays } from '#shared/contract/calendar-day';
import { noProgress, type QueryState } from '#shared/contract/query-document';
import { type QueryJobPayload, toJobPayload } from '#shared/contract/query-job';
import type { QueryRequest } from '#shared/contract/query-request';
import { QueryStatus } from '#shared/contract/query-status';
import { CallerQueries } from '#shared/redis/caller-queries';
import { QUEUED_WITHIN_MS } from '#shared/redis/query-index';
import { QueryStates } from '#shared/redis/query-states';
import { countRequest } from '#shared/redis/rate-window';
import { QueryQueue, queueOnce } from '../../queue/query-queue';
import { reachRedis } from '../../queue/reach-redis';
import { REDIS } from '../../queue/redis.token';
import { ProblemError } from '../../http/problem-error';
import { type RateLimitHeaders, RequestLimiter } from './request-limits';
import { deriveQueryId, createQueryId } from '../../queue/query-ids';

/** When another query of the caller ends is unknown. */
const LIVE_RETRY_SECONDS = '10';

/** How many queries that count as live are checked before a submission is refused: all of them with the default quota. */
const LIVE_CHECKED = 100;

/** The id of a query that is about to be submitted. */
export interface SubmissionId {
  id: string;
  /** The id is that of every submission with the same idempotency key: see `createSubmissionId`. */
  isShared: boolean;
}

export interface Submission {
  state: QueryState;
  /** An earlier submission with the same idempotency key made the query. */
  isReplayed: boolean;
  limits: RateLimitHeaders;
}

/** A submission that was admitted, or came after the end of its query. */
interface Admission {
  /** Another submission with the same key made the query, and it has ended since. */
  hasEnded: boolean;
  /** By Redis' clock, in milliseconds since 1970. */
  createdAt: number;
  limits: RateLimitHeaders;
}

/** @param key All submissions of a caller with one key share an id, however many processes they reach at once. */
export function createSubmissionId(caller: string, key?: string): SubmissionId {
  if (key === undefined) return { id: createQueryId(), isShared: false };
  return { id: deriveQueryId(caller, key), isShared: true };
}

/** Submits queries, within the limits of their callers. */
@Injectable()
export class QuerySubmissions {
  constructor(
    private readonly queue: QueryQueue,
    private readonly states: QueryStates,
    private readonly callerQueries: CallerQueries,
    private readonly limiter: RequestLimiter,
    private readonly config: ApiConfig,
    @Inject(REDIS) private readonly redis: RedisClient,
  ) {}

  /**
   * Resolves when Redis has acknowledged the query: from then on every process knows its id.
   *
   * @throws ProblemError RATE_LIMITED; TOO_MANY_LIVE_QUERIES; IDEMPOTENCY_KEY_REUSED if the key belongs to another request;
   *   SERVICE_UNAVAILABLE within two seconds if Redis does not answer.
   */
  submit({ id, isShared }: SubmissionId, request: QueryRequest, caller: string): Promise<Submission> {
    return reachRedis(this.redis, (isTooLate) =>
      isShared ? this.submitOnce(id, request, caller) : this.submitNew(id, request, caller, isTooLate),
    );
  }

  private async submitNew(
    id: string,
    request: QueryRequest,
    caller: string,
    isTooLate: () => boolean,
  ): Promise<Submission> {
    try {
      // Fails if Redis is unreachable, where BullMQ alone would keep the job for later.
      const admission = await this.admit(id, caller);
      const state = await this.queueNew(id, toJobPayload(request, caller), admission.createdAt);
      // The caller has got 503.
      if (isTooLate()) throw new Error('the submission took too long');
      return { state, isReplayed: false, limits: admission.limits };
    } catch (error) {
      if (error instanceof ProblemError) throw error;
      // The caller does not know the id of a job that was queued, or will be when the command reaches Redis.
      const forget = () => void this.callerQueries.forget(caller, [id], 0).catch(() => {});
      this.queue.discard(id, forget);
      throw error;
    }
  }

  private async submitOnce(id: string, request: QueryRequest, caller: string): Promise<Submission> {
    const window = this.limiter.submissionsOf(caller);
    const [count, present] = await Promise.all([countRequest(this.redis, window), this.states.decide(id)]);
    const limits = this.limiter.check(window, count);
    if (present !== undefined) return replay(present, request, limits);
    // After a failure half-way, a retry means the same query. A job that reaches Redis late stays: a concurrent submission
    // with the key may have been answered that it is queued.
    const { hasEnded, createdAt } = await this.admit(id, caller, limits);
    if (hasEnded) {
      const ended = await this.states.decide(id);
      if (ended === undefined) throw new Error('the query of another submission with the same key is gone');
      return replay(ended, request, limits);
    }
    const payload = toJobPayload(request, caller, randomUUID());
    const { queue, callerQueries, states } = this;
    const { state, isOwn } = await queueOnce(id, payload, createdAt, { queue, callerQueries, states });
    return isOwn ? { state, isReplayed: false, limits } : replay(state, request, limits);
  }

  private async queueNew(id: string, payload: QueryJobPayload, createdAt: number): Promise<QueryState> {
    await this.queue.add(id, payload, createdAt);
    const { caller, request } = payload;
    const progress = noProgress(countDays(request.start, request.end));
    const times = { createdAt, startedAt: null, finishedAt: null, expiresAt: null };
    return { id, status: QueryStatus.Pending, caller, request, ...times, progress, result: null, error: null };
  }

  /** @param counted The limits, if the submission has been counted already. */
  private async admit(id: string, caller: string, counted?: RateLimitHeaders): Promise<Admission> {
    const most = this.config.liveQueriesPerCaller;
    const window = this.limiter.submissionsOf(caller);
    const first = await this.callerQueries.admit(caller, id, most, counted ? undefined : window);
    const limits = counted ?? this.limiter.check(window, first.count);
    if (first.verdict !== 'refused') return { hasEnded: first.verdict === 'ended', createdAt: first.now, limits };
    // Some may count as live and are not: their submission failed half-way, or an operator removed them. A random part is
    // checked if there are more than LIVE_CHECKED.
    const offset = Math.floor(Math.random() * Math.max(1, most - LIVE_CHECKED + 1));
    const ids = await this.callerQueries.listLive(caller, first.now - QUEUED_WITHIN_MS, offset, LIVE_CHECKED);
    // Also publishes the outcome of a query whose job BullMQ failed by itself.
    await this.states.decideMany(ids);
    await this.callerQueries.forget(caller, ids);
    const second = await this.callerQueries.admit(caller, id, most);
    if (second.verdict !== 'refused') return { hasEnded: second.verdict === 'ended', createdAt: second.now, limits };
    throw new ProblemError('TOO_MANY_LIVE_QUERIES', { headers: { ...limits, 'Retry-After': LIVE_RETRY_SECONDS } });
  }
}

/** @throws ProblemError IDEMPOTENCY_KEY_REUSED */
function replay(state: QueryState, { start, end, maxAgeSeconds }: QueryRequest, limits: RateLimitHeaders): Submission {
  const { request } = state;
  const isSame = request.start === start && request.end === end && request.maxAgeSeconds === maxAgeSeconds;
  if (!isSame) throw new ProblemError('IDEMPOTENCY_KEY_REUSED', { headers: limits });
  return { state, isReplayed: true, limits };
}
