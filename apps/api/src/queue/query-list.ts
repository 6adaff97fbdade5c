import { Inject, Injectable } from '@nestjs/common';
import type { QueryState } from '#shared/contract/query-document';
import { CallerQueries, type ListPosition, type OrderedQueries } from '#shared/redis/caller-queries';
import { QueryStates } from '#shared/redis/query-states';
import type { RedisClient } from '#shared/redis/redis-client';
import { LARGEST_PAGE, type ListRequest } from './list-request';
import { reachRedis } from './reach-redis';
import { RedisClock } from './redis-clock';
import { REDIS } from './redis.token';

/** The most entries that one page examines, however few match the filter: then the client continues with a token. */
const EXAMINED_AT_MOST = 1_000;

/** A query without a record has expired, or is being queued at this moment. */
const SURELY_GONE_AFTER_MS = 3_600_000;

export interface QueryPage {
  states: QueryState[];
  /** Undefined on the last page. */
  nextPageToken: string | undefined;
}

/** Lists queries, newest first. A page can be short, even empty, and still have a next one. */
@Injectable()
export class QueryList {
  constructor(
    private readonly callerQueries: CallerQueries,
    private readonly states: QueryStates,
    private readonly clock: RedisClock,
    @Inject(REDIS) private readonly redis: RedisClient,
  ) {}

  /**
   * Returns a page of the queries of one caller, or of all callers. Removes entries of expired queries from the index.
   *
   * @throws ProblemError SERVICE_UNAVAILABLE
   */
  takePage(caller: string | undefined, request: ListRequest): Promise<QueryPage> {
    return reachRedis(this.redis, async () => {
      const queries = caller === undefined ? this.callerQueries.ofAll() : this.callerQueries.of(caller);
      const { gone, ...page } = await this.readPage(queries, request);
      await queries.forget(gone);
      return page;
    });
  }

  private async readPage(
    queries: OrderedQueries,
    request: ListRequest,
  ): Promise<QueryPage & { /** Entries without a record. */ gone: string[] }> {
    const range = {
      createdAfter: request.createdAfter?.getTime() ?? 0,
      createdBefore: request.createdBefore?.getTime() ?? Infinity,
    };
    const states: QueryState[] = [];
    const gone: string[] = [];
    let after = request.pageToken === undefined ? undefined : parseToken(request.pageToken);
    for (let examined = 0; examined < EXAMINED_AT_MOST; examined += LARGEST_PAGE) {
      const positions = await queries.list({ ...range, after }, LARGEST_PAGE);
      const found = await this.states.decideMany(positions.map(({ id }) => id));
      // By Redis' clock, as the times in the index are.
      const goneBefore = found.includes(undefined) ? (await this.clock.read()) - SURELY_GONE_AFTER_MS : 0;
      for (const [i, position] of positions.entries()) {
        const state = found[i];
        if (state === undefined) {
          if (position.createdAt < goneBefore) gone.push(position.id);
        } else if (request.status === undefined || state.status === request.status) {
          if (states.length === request.pageSize) return { states, nextPageToken: after && toToken(after), gone };
          states.push(state);
        }
        after = position;
      }
      if (positions.length < LARGEST_PAGE) return { states, nextPageToken: undefined, gone };
    }
    return { states, nextPageToken: after && toToken(after), gone };
  }
}

function toToken({ createdAt, id }: ListPosition): string {
  return `${createdAt}-${id}`;
}

/** @param token Matches the pattern of `ListRequest.pageToken`. */
function parseToken(token: string): ListPosition {
  const [createdAt, id = ''] = token.split('-');
  return { createdAt: Number(createdAt), id };
}
