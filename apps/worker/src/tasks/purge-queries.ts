import type { PurgeJobPayload, PurgeProgress } from '#shared/contract/purge-job';
import type { QueryState } from '#shared/contract/query-document';
import { isTerminal } from '#shared/contract/query-status';
import { pause } from '#shared/process/retry';
import type { OrderedQueries } from '#shared/redis/caller-queries';
import type { QueryPurge } from '#shared/redis/query-purge';
import type { QueryStates } from '#shared/redis/query-states';

/** Some 300 short commands: other clients of Redis wait for a few milliseconds. */
const BATCH = 100;

/** Between two batches Redis serves the other clients. */
const PAUSE_MS = 20;

export interface PurgePorts {
  queries: OrderedQueries;
  states: QueryStates;
  purge: QueryPurge;
}

/**
 * Purges the queries that have ended and match, newest first, batch by batch.
 *
 * @param from The stored progress of an earlier run. Queries that it purged after storing are not counted again.
 * @param store Stores the progress after each batch.
 * @throws The signal's reason; errors of the ports.
 */
export async function purgeQueries(
  wanted: Pick<PurgeJobPayload, 'status' | 'createdBefore'>,
  { queries, states, purge }: PurgePorts,
  from: PurgeProgress,
  store: (progress: PurgeProgress) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const isWanted = (state: QueryState | undefined): state is QueryState =>
    state !== undefined && isTerminal(state.status) && (wanted.status ?? state.status) === state.status;
  for (let progress = from; ; await pause(PAUSE_MS, signal)) {
    const after = progress.after ?? undefined;
    const range = { createdAfter: 0, createdBefore: wanted.createdBefore, after };
    const positions = await queries.list(range, BATCH);
    const found = await states.decideMany(positions.map(({ id }) => id));
    const verdicts = await Promise.all(found.filter(isWanted).map(({ id, caller }) => purge.purge(id, caller)));
    progress = {
      looked: progress.looked + positions.length,
      purged: progress.purged + verdicts.filter((verdict) => verdict === 'purged').length,
      after: positions.at(-1) ?? progress.after,
    };
    await store(progress);
    if (positions.length < BATCH) return;
  }
}
