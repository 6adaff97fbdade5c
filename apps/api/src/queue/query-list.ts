import type { QueryState } from '#shared/contract/query-document';
import type { ListPosition, OrderedQueries } from '#shared/redis/caller-queries';
import type { QueryStates } from '#shared/redis/query-states';
import { LARGEST_PAGE, type ListRequest } from './list-request';

/** Entries looked at for one page, whatever the filter lets through: then the client is sent on with a token. */
const LOOKED_AT_MOST = 1_000;

/** A query without records is one that has expired, or one that is being queued this moment. */
const SURELY_GONE_AFTER_MS = 3_600_000;

export interface QueryPage {
  states: QueryState[];
  /** Undefined on the last page. */
  nextPageToken: string | undefined;
}

/**
 * Newest first; a page can be short, even empty, and still have a next one.
 *
 * @param readClock Redis' clock, which the times in the list are from. Called only when a query has no record.
 */
export async function readQueryPage(
  queries: OrderedQueries,
  queryStates: QueryStates,
  request: ListRequest,
  readClock: () => Promise<number>,
): Promise<QueryPage> {
  const range = {
    createdAfter: request.createdAfter?.getTime() ?? 0,
    createdBefore: request.createdBefore?.getTime() ?? Infinity,
  };
  const states: QueryState[] = [];
  let after = request.pageToken === undefined ? undefined : readPosition(request.pageToken);
  for (let lookedAt = 0; lookedAt < LOOKED_AT_MOST; lookedAt += LARGEST_PAGE) {
    const positions = await queries.list({ ...range, after }, LARGEST_PAGE);
    const found = await queryStates.decideMany(positions.map(({ id }) => id));
    const gone: string[] = [];
    const goneBefore = found.includes(undefined) ? (await readClock()) - SURELY_GONE_AFTER_MS : 0;
    for (const [i, position] of positions.entries()) {
      const state = found[i];
      if (state === undefined) {
        if (position.createdAt < goneBefore) gone.push(position.id);
      } else if (request.status === undefined || state.status === request.status) {
        if (states.length === request.pageSize) return { states, nextPageToken: after && toToken(after) };
        states.push(state);
      }
      after = position;
    }
    await queries.forget(gone);
    if (positions.length < LARGEST_PAGE) return { states, nextPageToken: undefined };
  }
  return { states, nextPageToken: after && toToken(after) };
}

function toToken({ createdAt, id }: ListPosition): string {
  return `${createdAt}-${id}`;
}

function readPosition(token: string): ListPosition {
  const [createdAt, id = ''] = token.split('-');
  return { createdAt: Number(createdAt), id };
}
