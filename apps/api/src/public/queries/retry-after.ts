import type { QueryState } from '#shared/contract/query-document';

const SHORTEST_SECONDS = 1;
const LONGEST_SECONDS = 60;

/**
 * How long a client should wait before it asks again: whole seconds from 1 to 60. A fifth of the time that the
 * query is expected to take still, or of the time that it has taken so far while nothing can be expected, so
 * that asking costs a short query little time and a long one few requests.
 *
 * @param now Milliseconds since 1970.
 */
export function toRetryAfterSeconds(state: QueryState, now: number): number {
  const elapsedSeconds = (now - (state.startedAt ?? state.createdAt)) / 1_000;
  const seconds = Math.ceil((state.progress.etaSeconds ?? elapsedSeconds) / 5);
  return Math.min(LONGEST_SECONDS, Math.max(SHORTEST_SECONDS, seconds));
}
