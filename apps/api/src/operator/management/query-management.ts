import { randomUUID } from 'node:crypto';
import { Inject, Injectable, Logger } from '@nestjs/common';
import { type RedisClient, readRedisClock } from '#shared/redis/redis-client';
import type { QueryState } from '#shared/contract/query-document';
import type { HistoryEvent, SuccessionKind } from '#shared/contract/query-history';
import { isQueryId } from '#shared/contract/query-id';
import { toJobPayload } from '#shared/contract/query-job';
import { QueryStatus } from '#shared/contract/query-status';
import { ApiConfig } from '#shared/config/api-config';
import { CallerQueries } from '#shared/redis/caller-queries';
import { JobHolders } from '#shared/redis/query-runs';
import { Outcomes } from '#shared/redis/outcomes';
import { QueryHistories } from '#shared/redis/query-histories';
import { QueryPurge } from '#shared/redis/query-purge';
import { QueryStates } from '#shared/redis/query-states';
import { RecordUnreadableError } from '#shared/redis/unreadable-record';
import { WorkerBeats } from '#shared/redis/worker-beats';
import { ProblemError } from '../../http/problem-error';
import { deriveQueryId } from '../../queue/query-ids';
import { type QueryPage, readQueryPage } from '../../queue/query-list';
import { QueryQueue, queueOnce } from '../../queue/query-queue';
import { reachRedis } from '../../queue/reach-redis';
import { REDIS } from '../../queue/redis.token';
import { type Termination, terminateQuery } from '../../queue/terminate-query';
import type { OperatorListRequest } from './management-requests';
import type { QueryDetails } from './operator-query-document';

/** Operators are held to no limit of a caller's. */
const ANY_NUMBER = Number.MAX_SAFE_INTEGER;

/** How long a worker takes to notice that its query was terminated, and to let go of it. */
const LET_GO_SECONDS = '2';

/** A query that takes the place of another, and whether it was there before. */
export interface Succession {
  state: QueryState;
  wasThere: boolean;
}

/**
 * What operators can do to queries, whosever they are. Each can be done again without doing more. Every method throws
 * ProblemError SERVICE_UNAVAILABLE, within two seconds, when Redis cannot be reached, and QUERY_NOT_FOUND for an id
 * that is unknown, expired or malformed.
 */
@Injectable()
export class QueryManagement {
  private readonly logger = new Logger(QueryManagement.name);

  constructor(
    private readonly queue: QueryQueue,
    private readonly states: QueryStates,
    private readonly outcomes: Outcomes,
    private readonly callerQueries: CallerQueries,
    private readonly histories: QueryHistories,
    private readonly holders: JobHolders,
    private readonly beats: WorkerBeats,
    private readonly purging: QueryPurge,
    @Inject(REDIS) private readonly redis: RedisClient,
    private readonly config: ApiConfig,
  ) {}

  list(request: OperatorListRequest): Promise<QueryPage> {
    const { caller } = request;
    const queries = caller === undefined ? this.callerQueries.ofAll() : this.callerQueries.of(caller);
    const readClock = () => readRedisClock(this.redis, this.config.keyPrefix);
    return reachRedis(this.redis, () => readQueryPage(queries, this.states, request, readClock));
  }

  read(id: string, withHistory: boolean): Promise<{ state: QueryState; details: QueryDetails }> {
    return reachRedis(this.redis, async () => {
      const [state, holder, workers, history] = await Promise.all([
        this.find(id),
        this.holders.read(id),
        this.beats.list(),
        withHistory ? this.histories.read(id) : undefined,
      ]);
      return { state, details: { holder, workers, history } };
    });
  }

  /** @param reason For operators alone: the public document has the fixed text of its code. */
  terminate(id: string, operator: string, reason?: string): Promise<Termination> {
    const by = { operator, ...(reason === undefined ? {} : { reason }) };
    return reachRedis(this.redis, async () => terminateQuery(await this.find(id), by, this.outcomes));
  }

  /**
   * The same request once more, for the same caller. A query has one restart: asked again, this gives the same one for
   * as long as it is kept.
   */
  restart(id: string, operator: string): Promise<Succession> {
    return reachRedis(this.redis, async () => this.succeed(await this.find(id), 'restarted', operator));
  }

  /**
   * Lets a failed query go on from the days that it has: a query as `restart` makes one, for which the days count that
   * were fresh for the failed one.
   *
   * @throws ProblemError QUERY_NOT_FAILED
   */
  rewind(id: string, operator: string): Promise<Succession> {
    return reachRedis(this.redis, async () => {
      const state = await this.find(id);
      if (state.status !== QueryStatus.Failed) throw new ProblemError('QUERY_NOT_FAILED');
      // One that was itself a rewind has days from before its own creation.
      const freshAsOf = (await this.queue.readPayload(id))?.freshAsOf ?? state.createdAt;
      return this.succeed(state, 'rewound', operator, freshAsOf);
    });
  }

  /** Takes all away that is kept of a query that has ended. @throws ProblemError QUERY_NOT_ENDED */
  purge(id: string): Promise<void> {
    return reachRedis(this.redis, async () => {
      const state = await this.find(id).catch((error: unknown) => {
        if (error instanceof RecordUnreadableError) return undefined;
        throw error;
      });
      // Where the outcome cannot be read, the job still says whose it is.
      const payload = state ?? (await this.queue.readPayload(id).catch(unlessUnreadable));
      const caller = payload?.caller ?? '';
      if ((await this.purging.purge(id, caller)) === 'purged') return;
      throw new ProblemError('QUERY_NOT_ENDED', { headers: { 'Retry-After': LET_GO_SECONDS } });
    });
  }

  private async find(id: string): Promise<QueryState> {
    const state = isQueryId(id) ? await this.states.decide(id) : undefined;
    if (state === undefined) throw new ProblemError('QUERY_NOT_FOUND');
    return state;
  }

  private async succeed(
    { id: source, caller, request }: QueryState,
    action: SuccessionKind,
    operator: string,
    freshAsOf?: number,
  ): Promise<Succession> {
    // Derived, so that whoever asks again, or at the same time, means the same query.
    const id = deriveQueryId('', `${action} ${source}`);
    const present = await this.states.decide(id);
    if (present !== undefined) return { state: present, wasThere: true };
    const { verdict, now } = await this.callerQueries.admit(caller, id, ANY_NUMBER);
    if (verdict === 'ended') return { state: await this.find(id), wasThere: true };
    const rewound = freshAsOf === undefined ? {} : { freshAsOf };
    const payload = { ...toJobPayload(request, caller, randomUUID()), ...rewound };
    const { queue, callerQueries, states } = this;
    const { state, isOwn } = await queueOnce(id, payload, now, { queue, callerQueries, states });
    if (isOwn) await this.note(source, { kind: action, operator, successor: id });
    return { state, wasThere: !isOwn };
  }

  /** What was done is done, whether or not it can be told. */
  private async note(id: string, event: Omit<SuccessionEvent, 'at'>): Promise<void> {
    try {
      await this.histories.append(id, [{ at: await readRedisClock(this.redis, this.config.keyPrefix), ...event }]);
    } catch (error) {
      this.logger.warn({ queryId: id, kind: event.kind, err: error }, 'an event is not in the history of its query');
    }
  }
}

/** BullMQ parses the data of a job as it reads it. */
function unlessUnreadable(error: unknown): undefined {
  if (!(error instanceof SyntaxError)) throw error;
}

type SuccessionEvent = Extract<HistoryEvent, { kind: SuccessionKind }>;
