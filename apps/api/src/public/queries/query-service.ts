import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import type { Redis } from 'ioredis';
import { ApiConfig } from '#shared/config/api-config';
import { countDays } from '#shared/contract/calendar-day';
import { noProgress, type QueryState } from '#shared/contract/query-document';
import { isQueryId } from '#shared/contract/query-id';
import { toJobPayload } from '#shared/contract/query-job';
import type { QueryRequest } from '#shared/contract/query-request';
import { isTerminal, QueryStatus } from '#shared/contract/query-status';
import { CallerQueries } from '#shared/redis/caller-queries';
import { JobRetirement } from '#shared/redis/job-retirement';
import { Outcomes, toEndedFacts } from '#shared/redis/outcomes';
import { QueryStates } from '#shared/redis/query-states';
import { QueryQueue } from '../../queue/query-queue';
import { REDIS } from '../../queue/redis.token';
import { ProblemError } from '../errors/problem-error';

/** Redis is back within a second after most outages. */
const UNAVAILABLE_RETRY_SECONDS = '5';

/** An answer reaches for Redis twice at the most, and 503 is promised within two seconds. */
const REACH_LIMIT_MS = 950;

/** A caller with too many live queries has to wait for one to end, which nobody can tell. */
const LIVE_RETRY_SECONDS = '10';

/** How many queries that are thought live are looked at before a caller is refused. */
const LIVE_LOOKED_AT = 20;

/** A submission that has not queued its job by then never will. */
const QUEUED_WITHIN_MS = 10_000;

export interface Submission {
  state: QueryState;
  /** The query was there before, under the same idempotency key. */
  isReplayed: boolean;
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
    private readonly retirement: JobRetirement,
    private readonly config: ApiConfig,
    @Inject(REDIS) private readonly redis: Redis,
  ) {}

  /**
   * Queues a query, durably: when this returns, its id is known everywhere.
   *
   * @param key Makes all submissions under it one query, however many processes race: its id is derived from it.
   * @throws ProblemError TOO_MANY_LIVE_QUERIES; IDEMPOTENCY_KEY_REUSED when the key is another request's.
   */
  submit(request: QueryRequest, caller: string, key?: string): Promise<Submission> {
    return this.reach((gaveUp) =>
      key === undefined ? this.submitNew(request, caller, gaveUp) : this.submitOnce(key, request, caller),
    );
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
    const facts = toEndedFacts(state, QueryStatus.Terminated, 'QUERY_TERMINATED');
    const { written, outcome } = await this.reach(() => this.outcomes.publish(id, facts));
    if (outcome === undefined) throw new ProblemError('QUERY_NOT_FOUND');
    if (written) this.queue.discard(id);
    return { state: { id, ...outcome }, wasTerminal: !written };
  }

  /**
   * Runs what needs Redis. Whatever Redis says or does not say - away, silent, loading, full - without it nothing
   * can be looked up or taken.
   *
   * @param call Its signal is aborted when its answer comes too late to be given.
   * @throws ProblemError SERVICE_UNAVAILABLE, or the one that `call` throws; TypeError and the like as they are.
   */
  async reach<T>(call: (gaveUp: AbortSignal) => Promise<T>): Promise<T> {
    try {
      if (this.redis.status !== 'ready') throw new Error(`the connection is ${this.redis.status}`);
      return await withinLimit(call);
    } catch (cause) {
      const isOwn = cause instanceof ProblemError || cause instanceof TypeError || cause instanceof SyntaxError;
      if (isOwn) throw cause;
      const headers = { 'Retry-After': UNAVAILABLE_RETRY_SECONDS };
      throw new ProblemError('SERVICE_UNAVAILABLE', { headers, cause });
    }
  }

  private async submitNew(request: QueryRequest, caller: string, gaveUp: AbortSignal): Promise<Submission> {
    const id = newQueryId();
    try {
      const state = await this.queueQuery(id, request, caller);
      // The submitter has been told that it was not taken.
      gaveUp.throwIfAborted();
      return { state, isReplayed: false };
    } catch (error) {
      // Whether the job was queued, or will be when the command arrives after all, nobody knows of it.
      this.queue.discard(id);
      void this.callerQueries.forget(caller, [id]).catch(() => {});
      throw error;
    }
  }

  private async queueQuery(
    id: string,
    request: QueryRequest,
    caller: string,
    submissionId?: string,
  ): Promise<QueryState> {
    // Also the proof that Redis is there: without it BullMQ would keep the job for later.
    const createdAt = await this.admit(id, caller);
    await this.queue.add(id, toJobPayload(request, caller, submissionId), createdAt);
    const progress = noProgress(countDays(request.start, request.end));
    const times = { createdAt, startedAt: null, finishedAt: null, expiresAt: null };
    return { id, status: QueryStatus.Pending, caller, request, ...times, progress, result: null, error: null };
  }

  private async submitOnce(key: string, request: QueryRequest, caller: string): Promise<Submission> {
    const id = deriveQueryId(caller, key);
    const present = await this.states.read(id);
    if (present !== undefined) return replay(present, request);
    await this.retirement.retire(id);
    const submissionId = randomUUID();
    // If this fails half-way, whoever tries again means the same query.
    const created = await this.queueQuery(id, request, caller, submissionId);
    // BullMQ does not say whether it was this submission that made the job, or one at the same time.
    const payload = await this.queue.readPayload(id);
    if (payload?.submissionId === submissionId) return { state: created, isReplayed: false };
    const state = await this.states.read(id);
    if (state === undefined) throw new Error('the job of another submission under the same key is gone again');
    return replay(state, request);
  }

  private async admit(id: string, caller: string): Promise<number> {
    const most = this.config.liveQueriesPerCaller;
    const first = await this.callerQueries.admit(caller, id, most);
    if (first.isAdmitted) return first.now;
    // Some may be live only on paper: their submission failed half-way, or an operator took them away.
    const ids = await this.callerQueries.listOldestLive(caller, first.now - QUEUED_WITHIN_MS, LIVE_LOOKED_AT);
    const states = await this.states.readMany(ids);
    await this.callerQueries.forget(
      caller,
      ids.filter((_, i) => states[i] === undefined),
    );
    const second = await this.callerQueries.admit(caller, id, most);
    if (second.isAdmitted) return second.now;
    throw new ProblemError('TOO_MANY_LIVE_QUERIES', { headers: { 'Retry-After': LIVE_RETRY_SECONDS } });
  }
}

/** @throws ProblemError IDEMPOTENCY_KEY_REUSED */
function replay(state: QueryState, { start, end, maxAgeSeconds }: QueryRequest): Submission {
  const { request } = state;
  const isSame = request.start === start && request.end === end && request.maxAgeSeconds === maxAgeSeconds;
  if (!isSame) throw new ProblemError('IDEMPOTENCY_KEY_REUSED');
  return { state, isReplayed: true };
}

/** 128 bits from a cryptographic source, since whoever knows an id may be let to know the query. */
function newQueryId(): string {
  const id = randomBytes(16).toString('hex');
  return isQueryId(id) ? id : newQueryId();
}

/** The same for the same caller and key, and nobody else's. */
function deriveQueryId(caller: string, key: string): string {
  const id = createHash('sha256')
    .update(JSON.stringify([caller, key]))
    .digest('hex')
    .slice(0, 32);
  // One in three million is all decimal, which is not an id.
  return isQueryId(id) ? id : `${id.slice(0, 31)}a`;
}

async function withinLimit<T>(call: (gaveUp: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    const giveUp = () => {
      controller.abort();
      reject(new Error('Redis took too long'));
    };
    // A busy process may have the reply at hand and not have looked at it: it does before the next turn.
    timer = setTimeout(() => setImmediate(giveUp), REACH_LIMIT_MS);
  });
  return Promise.race([call(controller.signal), late]).finally(() => clearTimeout(timer));
}
