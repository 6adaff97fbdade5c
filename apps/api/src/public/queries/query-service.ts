import { randomUUID } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import type { RedisClient } from '#shared/redis/redis-client';
import { ApiConfig } from '#shared/config/api-config';
import { countDays } from '#shared/contract/calendar-day';
import { noProgress, type QueryState } from '#shared/contract/query-document';
import { isQueryId } from '#shared/contract/query-id';
import { type QueryJobPayload, toJobPayload } from '#shared/contract/query-job';
import type { QueryRequest } from '#shared/contract/query-request';
import { QueryStatus } from '#shared/contract/query-status';
import { CallerQueries } from '#shared/redis/caller-queries';
import { Outcomes } from '#shared/redis/outcomes';
import { QUEUED_WITHIN_MS } from '#shared/redis/query-index';
import { QueryStates } from '#shared/redis/query-states';
import { countRequest } from '#shared/redis/rate-window';
import { QueryQueue, queueOnce } from '../../queue/query-queue';
import { reachRedis } from '../../queue/reach-redis';
import { REDIS } from '../../queue/redis.token';
import { type Termination, terminateQuery } from '../../queue/terminate-query';
import { ProblemError } from '../../http/problem-error';
import { type RateLimitHeaders, RequestLimiter } from './request-limits';
import { deriveQueryId, createQueryId } from '../../queue/query-ids';

/** A caller with too many live queries has to wait for one to end, which nobody can tell. */
const LIVE_RETRY_SECONDS = '10';

/** How many queries that are thought live are looked at before a caller is refused: all with the default quota. */
const LIVE_LOOKED_AT = 100;

/** What a query that is to be submitted will be known by. */
export interface QueryName {
  id: string;
  isOfKey: boolean;
}

export interface Submission {
  state: QueryState;
  /** The query was there before, under the same idempotency key. */
  isReplayed: boolean;
  limits: RateLimitHeaders;
}

/** A submission that has been let in, or has come too late. */
interface Entry {
  /** By another submission under the same key, and its query has ended since. */
  hasEnded: boolean;
  /** By Redis' clock, in milliseconds since 1970. */
  createdAt: number;
  limits: RateLimitHeaders;
}

/**
 * What callers can do with their queries. Every method throws ProblemError SERVICE_UNAVAILABLE, within two
 * seconds, when Redis cannot be reached.
 */
@Injectable()
export class QueryService {
  constructor(
    private readonly queue: QueryQueue,
    private readonly states: QueryStates,
    private readonly outcomes: Outcomes,
    private readonly callerQueries: CallerQueries,
    private readonly limiter: RequestLimiter,
    private readonly config: ApiConfig,
    @Inject(REDIS) private readonly redis: RedisClient,
  ) {}

  /** @param key Makes all submissions under it one query, however many processes race: the id is derived from it. */
  name(caller: string, key?: string): QueryName {
    if (key === undefined) return { id: createQueryId(), isOfKey: false };
    return { id: deriveQueryId(caller, key), isOfKey: true };
  }

  /**
   * Queues a query, durably: when this returns, its id is known everywhere.
   *
   * @throws ProblemError RATE_LIMITED; TOO_MANY_LIVE_QUERIES; IDEMPOTENCY_KEY_REUSED when the key is another request's.
   */
  submit({ id, isOfKey }: QueryName, request: QueryRequest, caller: string): Promise<Submission> {
    return this.reach((isTooLate) =>
      isOfKey ? this.submitOnce(id, request, caller) : this.submitNew(id, request, caller, isTooLate),
    );
  }

  /** @throws ProblemError QUERY_NOT_FOUND for an id that is unknown, expired, malformed or another caller's. */
  async read(id: string, caller: string): Promise<QueryState> {
    const state = isQueryId(id) ? await this.reach(() => this.states.decide(id)) : undefined;
    if (state?.caller !== caller) throw new ProblemError('QUERY_NOT_FOUND');
    return state;
  }

  /** The same for a caller's request, which is counted. @throws ProblemError RATE_LIMITED too. */
  async poll(id: string, caller: string): Promise<{ state: QueryState; limits: RateLimitHeaders }> {
    if (!isQueryId(id)) throw new ProblemError('QUERY_NOT_FOUND');
    const window = this.limiter.pollsOf(caller, id);
    const { count, state } = await this.reach(() => this.states.poll(id, window));
    const limits = this.limiter.check(window, count);
    if (state?.caller !== caller) throw new ProblemError('QUERY_NOT_FOUND');
    return { state, limits };
  }

  /**
   * Terminates a query, whether or not any worker lives.
   *
   * @throws ProblemError QUERY_NOT_FOUND as `read` does.
   */
  async terminate(id: string, caller: string): Promise<Termination> {
    const state = await this.read(id, caller);
    return this.reach(() => terminateQuery(state, { caller }, this.outcomes));
  }

  /** See `reachRedis`. */
  reach<T>(call: (isTooLate: () => boolean) => Promise<T>): Promise<T> {
    return reachRedis(this.redis, call);
  }

  private async submitNew(
    id: string,
    request: QueryRequest,
    caller: string,
    isTooLate: () => boolean,
  ): Promise<Submission> {
    try {
      // Also the proof that Redis is there: without it BullMQ would keep the job for later.
      const entry = await this.admit(id, caller);
      const state = await this.queueNew(id, toJobPayload(request, caller), entry.createdAt);
      // The submitter has been told that it was not taken.
      if (isTooLate()) throw new Error('the submission was given up');
      return { state, isReplayed: false, limits: entry.limits };
    } catch (error) {
      if (error instanceof ProblemError) throw error;
      // Whether the job was queued, or will be when the command arrives after all, nobody knows of it.
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
    // If this fails half-way, whoever tries again means the same query. A job that arrives late stays: another submission
    // under the key, at the same time, may have been told that it is queued.
    const { hasEnded, createdAt } = await this.admit(id, caller, limits);
    if (hasEnded) {
      const ended = await this.states.decide(id);
      if (ended === undefined) throw new Error('the query of another submission under the same key is gone again');
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

  /** @param counted The submission has been counted already. */
  private async admit(id: string, caller: string, counted?: RateLimitHeaders): Promise<Entry> {
    const most = this.config.liveQueriesPerCaller;
    const window = this.limiter.submissionsOf(caller);
    const first = await this.callerQueries.admit(caller, id, most, counted ? undefined : window);
    const limits = counted ?? this.limiter.check(window, first.count);
    if (first.verdict !== 'refused') return { hasEnded: first.verdict === 'ended', createdAt: first.now, limits };
    // Some may be live only on paper: their submission failed half-way, or an operator took them away. Where there are more
    // than are looked at, they are others each time.
    const offset = Math.floor(Math.random() * Math.max(1, most - LIVE_LOOKED_AT + 1));
    const ids = await this.callerQueries.listLive(caller, first.now - QUEUED_WITHIN_MS, offset, LIVE_LOOKED_AT);
    // Writes the outcome of a query whose job BullMQ ended by itself.
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
