import { randomBytes } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import type { Redis } from 'ioredis';
import { countDays } from '#shared/contract/calendar-day';
import { describeError } from '#shared/contract/error-codes';
import { noProgress, type QueryState } from '#shared/contract/query-document';
import { isQueryId } from '#shared/contract/query-id';
import { toJobPayload } from '#shared/contract/query-job';
import type { QueryRequest } from '#shared/contract/query-request';
import { isTerminal, QueryStatus } from '#shared/contract/query-status';
import { Outcomes } from '#shared/redis/outcomes';
import { QueryStates } from '#shared/redis/query-states';
import { QueryQueue } from '../../queue/query-queue';
import { REDIS } from '../../queue/redis.token';
import { ProblemError } from '../errors/problem-error';

/** Redis is back within a second after most outages. */
const UNAVAILABLE_RETRY_SECONDS = '5';

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
    @Inject(REDIS) private readonly redis: Redis,
  ) {}

  /** Queues a query, durably: when this returns, its id is known everywhere. */
  async submit(request: QueryRequest, caller: string): Promise<QueryState> {
    const id = newQueryId();
    const createdAt = await this.reach(() => this.queue.add(id, toJobPayload(request, caller)));
    return {
      id,
      status: QueryStatus.Pending,
      caller,
      request,
      createdAt,
      startedAt: null,
      finishedAt: null,
      expiresAt: null,
      progress: noProgress(countDays(request.start, request.end)),
      result: null,
      error: null,
    };
  }

  /** @throws ProblemError QUERY_NOT_FOUND for an id that is unknown, expired, malformed or another caller's. */
  async read(id: string, caller: string): Promise<QueryState> {
    const state = isQueryId(id) ? await this.reach(() => this.states.read(id)) : undefined;
    if (state?.caller !== caller) throw new ProblemError('QUERY_NOT_FOUND');
    return state;
  }

  /**
   * Terminates a query, whether or not any worker lives.
   *
   * @returns The query after that, and whether it was terminal before.
   * @throws ProblemError QUERY_NOT_FOUND as `read` does.
   */
  async terminate(id: string, caller: string): Promise<{ state: QueryState; wasTerminal: boolean }> {
    const state = await this.read(id, caller);
    if (isTerminal(state.status)) return { state, wasTerminal: true };
    const { id: _, finishedAt: __, expiresAt: ___, ...facts } = state;
    const error = { code: 'QUERY_TERMINATED', message: describeError('QUERY_TERMINATED') } as const;
    const { written, outcome } = await this.reach(() =>
      this.outcomes.publish(id, { ...facts, status: QueryStatus.Terminated, error }),
    );
    if (outcome === undefined) throw new ProblemError('QUERY_NOT_FOUND');
    if (written) await this.queue.discard(id);
    return { state: { id, ...outcome }, wasTerminal: !written };
  }

  private async reach<T>(call: () => Promise<T>): Promise<T> {
    try {
      if (this.redis.status !== 'ready') throw new Error(`the connection is ${this.redis.status}`);
      return await call();
    } catch (cause) {
      // Whatever Redis says or does not say - away, silent, loading, full - nothing can be looked up or taken.
      const headers = { 'Retry-After': UNAVAILABLE_RETRY_SECONDS };
      throw new ProblemError('SERVICE_UNAVAILABLE', { headers, cause });
    }
  }
}

/** 128 bits from a cryptographic source, since whoever knows an id may be let to know the query. */
function newQueryId(): string {
  const id = randomBytes(16).toString('hex');
  return isQueryId(id) ? id : newQueryId();
}
