import { Inject, Injectable } from '@nestjs/common';
import type { QueryState } from '#shared/contract/query-document';
import { isQueryId } from '#shared/contract/query-id';
import { Outcomes } from '#shared/redis/outcomes';
import { QueryHistories } from '#shared/redis/query-histories';
import { QueryPurge } from '#shared/redis/query-purge';
import { JobHolders } from '#shared/redis/query-runs';
import { QueryStates } from '#shared/redis/query-states';
import type { RedisClient } from '#shared/redis/redis-client';
import { RecordUnreadableError } from '#shared/redis/unreadable-record';
import { WorkerBeats } from '#shared/redis/worker-beats';
import { ProblemError } from '../../http/problem-error';
import { QueryQueue } from '../../queue/query-queue';
import { reachRedis } from '../../queue/reach-redis';
import { REDIS } from '../../queue/redis.token';
import { type Termination, terminateQuery } from '../../queue/terminate-query';
import type { QueryDetails } from './operator-query-document';

/** How long a worker takes to notice that its query was terminated, and to release it. */
const RELEASE_SECONDS = '2';

/** @throws ProblemError QUERY_NOT_FOUND for an id that is unknown, expired or malformed; what Redis throws. */
export async function findQuery(states: QueryStates, id: string): Promise<QueryState> {
  const state = isQueryId(id) ? await states.decide(id) : undefined;
  if (state === undefined) throw new ProblemError('QUERY_NOT_FOUND');
  return state;
}

/** Reads a query of any caller with its worker and history. Throws as `QueryManagement` does. */
@Injectable()
export class QueryInspection {
  constructor(
    private readonly states: QueryStates,
    private readonly histories: QueryHistories,
    private readonly holders: JobHolders,
    private readonly beats: WorkerBeats,
    @Inject(REDIS) private readonly redis: RedisClient,
  ) {}

  read(id: string, withHistory: boolean): Promise<{ state: QueryState; details: QueryDetails }> {
    return reachRedis(this.redis, async () => {
      const [state, holder, workers, history] = await Promise.all([
        findQuery(this.states, id),
        this.holders.read(id),
        this.beats.list(),
        withHistory ? this.histories.read(id) : undefined,
      ]);
      return { state, details: { holder, workers, history } };
    });
  }
}

/**
 * Terminates and purges queries of any caller. Every method is idempotent, and throws ProblemError QUERY_NOT_FOUND for an id
 * that is unknown, expired or malformed, and SERVICE_UNAVAILABLE within two seconds if Redis does not answer.
 */
@Injectable()
export class QueryManagement {
  constructor(
    private readonly queue: QueryQueue,
    private readonly states: QueryStates,
    private readonly outcomes: Outcomes,
    private readonly purging: QueryPurge,
    @Inject(REDIS) private readonly redis: RedisClient,
  ) {}

  /** @param reason For operators alone: the public document has the fixed text of its code. */
  terminate(id: string, operator: string, reason?: string): Promise<Termination> {
    const by = { operator, ...(reason === undefined ? {} : { reason }) };
    return reachRedis(this.redis, async () => terminateQuery(await findQuery(this.states, id), by, this.outcomes));
  }

  /** Removes all records of a query that has ended. @throws ProblemError QUERY_NOT_ENDED */
  purge(id: string): Promise<void> {
    return reachRedis(this.redis, async () => {
      const state = await findQuery(this.states, id).catch((error: unknown) => {
        if (error instanceof RecordUnreadableError) return undefined;
        throw error;
      });
      // The job names the caller too, if the outcome is unreadable.
      const payload = state ?? (await this.queue.readPayload(id).catch(unlessUnreadable));
      const caller = payload?.caller ?? '';
      if ((await this.purging.purge(id, caller)) === 'purged') return;
      throw new ProblemError('QUERY_NOT_ENDED', { headers: { 'Retry-After': RELEASE_SECONDS } });
    });
  }
}

/** BullMQ parses the data of a job as it reads it. */
function unlessUnreadable(error: unknown): undefined {
  if (!(error instanceof SyntaxError)) throw error;
}
