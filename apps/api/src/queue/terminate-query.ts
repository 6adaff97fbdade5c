import type { QueryState } from '#shared/contract/query-document';
import type { Terminator } from '#shared/contract/query-history';
import { isTerminal } from '#shared/contract/query-status';
import type { Outcomes } from '#shared/redis/outcomes';
import { ProblemError } from '../http/problem-error';

/** What has become of a query that was to be terminated. */
export interface Termination {
  /** The query after that. */
  state: QueryState;
  wasTerminal: boolean;
}

/**
 * Ends a query that has not ended, whether or not any worker lives.
 *
 * @param by At whose word, for its history.
 * @throws ProblemError QUERY_NOT_FOUND where it has expired or been purged by now; what Redis throws.
 */
export async function terminateQuery(state: QueryState, by: Terminator, outcomes: Outcomes): Promise<Termination> {
  if (isTerminal(state.status)) return { state, wasTerminal: true };
  const { id } = state;
  const { written, outcome } = await outcomes.terminate(state, by);
  if (outcome === undefined) throw new ProblemError('QUERY_NOT_FOUND');
  return { state: { id, ...outcome }, wasTerminal: !written };
}
