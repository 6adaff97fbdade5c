import type { QueryState } from '#shared/contract/query-document';

const SHORTEST_SECONDS = 1;
const LONGEST_SECONDS = 60;

/** A query that waits behind so many is asked for a second later. */
const WAITING_PER_SECOND = 10;

/**
 * How long a client should wait before it asks again: whole seconds from 1 to 60. A fifth of the time that the
 * query is expected to take still, or of the time that it has taken so far while nothing can be expected, so
 * that asking costs a short query little time and a long one few requests; longer while many queries wait. Spread
 * by a quarter, so that those who came together do not come back together.
 *
 * @param waiting About how many queries wait.
 * @param now Milliseconds since 1970 by Redis' clock, as the times of the query are.
 * @param random From 0 to 1.
 */
export function toRetryAfterSeconds(state: QueryState, waiting: number, now: number, random: number): number {
  const elapsedSeconds = Math.max(0, now - (state.startedAt ?? state.createdAt)) / 1_000;
  const behindSeconds = state.startedAt === null ? waiting / WAITING_PER_SECOND : 0;
  const seconds = (state.progress.etaSeconds ?? elapsedSeconds) / 5 + behindSeconds;
  return Math.min(LONGEST_SECONDS, Math.max(SHORTEST_SECONDS, Math.round(seconds * (0.875 + random / 4))));
}
