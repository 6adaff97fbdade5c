import { randomUUID } from 'node:crypto';
import { Inject, Injectable, Logger } from '@nestjs/common';
import { ApiConfig } from '#shared/config/api-config';
import type { QueryState } from '#shared/contract/query-document';
import type { HistoryEvent, SuccessionKind } from '#shared/contract/query-history';
import { toJobPayload } from '#shared/contract/query-job';
import { QueryStatus } from '#shared/contract/query-status';
import { CallerQueries } from '#shared/redis/caller-queries';
import { QueryHistories } from '#shared/redis/query-histories';
import { QueryStates } from '#shared/redis/query-states';
import { type RedisClient, readRedisClock } from '#shared/redis/redis-client';
import { ProblemError } from '../../http/problem-error';
import { deriveQueryId } from '../../queue/query-ids';
import { QueryQueue, queueOnce } from '../../queue/query-queue';
import { reachRedis } from '../../queue/reach-redis';
import { REDIS } from '../../queue/redis.token';
import { findQuery } from './query-management';

/** No limit of a caller applies to operators. */
const ANY_NUMBER = Number.MAX_SAFE_INTEGER;

/** A query that continues another. */
export interface Succession {
  state: QueryState;
  /** An earlier request made it. */
  wasThere: boolean;
}

type SuccessionEvent = Extract<HistoryEvent, { kind: SuccessionKind }>;

/**
 * Restarts and rewinds queries of any caller. Both are idempotent. Both throw ProblemError QUERY_NOT_FOUND for an id that is
 * unknown, expired or malformed, and SERVICE_UNAVAILABLE within two seconds if Redis does not answer.
 */
@Injectable()
export class QuerySuccessions {
  private readonly logger = new Logger(QuerySuccessions.name);

  constructor(
    private readonly queue: QueryQueue,
    private readonly states: QueryStates,
    private readonly callerQueries: CallerQueries,
    private readonly histories: QueryHistories,
    @Inject(REDIS) private readonly redis: RedisClient,
    private readonly config: ApiConfig,
  ) {}

  /** Submits the same request again, for the same caller. A query has one restart for as long as that is kept. */
  restart(id: string, operator: string): Promise<Succession> {
    return reachRedis(this.redis, async () => this.succeed(await findQuery(this.states, id), 'restarted', operator));
  }

  /**
   * Submits the request of a failed query again, and reuses the days that were fresh for it.
   *
   * @throws ProblemError QUERY_NOT_FAILED
   */
  rewind(id: string, operator: string): Promise<Succession> {
    return reachRedis(this.redis, async () => {
      const state = await findQuery(this.states, id);
      if (state.status !== QueryStatus.Failed) throw new ProblemError('QUERY_NOT_FAILED');
      // The rewind of a rewind reuses days from before its own creation.
      const freshAsOf = (await this.queue.readPayload(id))?.freshAsOf ?? state.createdAt;
      return this.succeed(state, 'rewound', operator, freshAsOf);
    });
  }

  private async succeed(
    { id: source, caller, request }: QueryState,
    kind: SuccessionKind,
    operator: string,
    freshAsOf?: number,
  ): Promise<Succession> {
    // Derived, so that repeated and concurrent requests mean the same query.
    const id = deriveQueryId('', `${kind} ${source}`);
    const present = await this.states.decide(id);
    if (present !== undefined) return { state: present, wasThere: true };
    const { verdict, now } = await this.callerQueries.admit(caller, id, ANY_NUMBER);
    if (verdict === 'ended') return { state: await findQuery(this.states, id), wasThere: true };
    const rewound = freshAsOf === undefined ? {} : { freshAsOf };
    const payload = { ...toJobPayload(request, caller, randomUUID()), ...rewound };
    const { queue, callerQueries, states } = this;
    const { state, isOwn } = await queueOnce(id, payload, now, { queue, callerQueries, states });
    if (isOwn) await this.note(source, { kind, operator, successor: id });
    return { state, wasThere: !isOwn };
  }

  /** The successor is queued, whether or not the history can be written. */
  private async note(id: string, event: Omit<SuccessionEvent, 'at'>): Promise<void> {
    try {
      await this.histories.append(id, [{ at: await readRedisClock(this.redis, this.config.keyPrefix), ...event }]);
    } catch (error) {
      this.logger.warn({ queryId: id, kind: event.kind, err: error }, 'an event is not in the history of its query');
    }
  }
}
