import { Inject, Injectable } from '@nestjs/common';
import type { QueryState } from '#shared/contract/query-document';
import { isQueryId } from '#shared/contract/query-id';
import { Outcomes } from '#shared/redis/outcomes';
import { QueryStates } from '#shared/redis/query-states';
import type { RedisClient } from '#shared/redis/redis-client';
import { ProblemError } from '../../http/problem-error';
import { reachRedis } from '../../queue/reach-redis';
import { REDIS } from '../../queue/redis.token';
import { type Termination, terminateQuery } from '../../queue/terminate-query';
import { type RateLimitHeaders, RequestLimiter } from './request-limits';

/**
 * Reads and terminates a caller's own queries. Every method throws ProblemError SERVICE_UNAVAILABLE within two seconds if
 * Redis does not answer, and QUERY_NOT_FOUND for an id that is unknown, expired, malformed or another caller's.
 */
@Injectable()
export class OwnQueries {
  constructor(
    private readonly states: QueryStates,
    private readonly outcomes: Outcomes,
    private readonly limiter: RequestLimiter,
    @Inject(REDIS) private readonly redis: RedisClient,
  ) {}

  async read(id: string, caller: string): Promise<QueryState> {
    const state = isQueryId(id) ? await reachRedis(this.redis, () => this.states.decide(id)) : undefined;
    if (state?.caller !== caller) throw new ProblemError('QUERY_NOT_FOUND');
    return state;
  }

  /** Reads a query and counts the request as a poll. @throws ProblemError RATE_LIMITED too. */
  async poll(id: string, caller: string): Promise<{ state: QueryState; limits: RateLimitHeaders }> {
    if (!isQueryId(id)) throw new ProblemError('QUERY_NOT_FOUND');
    const window = this.limiter.pollsOf(caller, id);
    const { count, state } = await reachRedis(this.redis, () => this.states.poll(id, window));
    const limits = this.limiter.check(window, count);
    if (state?.caller !== caller) throw new ProblemError('QUERY_NOT_FOUND');
    return { state, limits };
  }

  /** Terminates a query, whether or not any worker runs. */
  async terminate(id: string, caller: string): Promise<Termination> {
    const state = await this.read(id, caller);
    return reachRedis(this.redis, () => terminateQuery(state, { caller }, this.outcomes));
  }
}
