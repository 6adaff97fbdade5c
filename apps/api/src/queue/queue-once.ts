import type { QueryState } from '#shared/contract/query-document';
import type { QueryJobPayload } from '#shared/contract/query-job';
import type { CallerQueries } from '#shared/redis/caller-queries';
import type { QueryStates } from '#shared/redis/query-states';
import type { QueryQueue } from './query-queue';

export interface QueuePorts {
  queue: QueryQueue;
  callerQueries: CallerQueries;
  states: QueryStates;
}

/**
 * Queues a query, once it was admitted, under an id that others may submit at the same time. BullMQ adds one job for all of
 * them, and does not say whose it is; the query may also have ended by the time that the job is added.
 *
 * @param payload With a `submissionId`.
 * @returns The one query under the id, and whether this submission made it.
 * @throws Error when the query is gone again.
 */
export async function queueOnce(
  id: string,
  payload: QueryJobPayload,
  createdAt: number,
  { queue, callerQueries, states }: QueuePorts,
): Promise<{ state: QueryState; isOwn: boolean }> {
  await queue.add(id, payload, createdAt);
  // In this order, in one round trip.
  const [, stored, state] = await Promise.all([
    callerQueries.confirm(payload.caller, id),
    queue.readPayload(id),
    states.read(id),
  ]);
  if (state === undefined) throw new Error('the query is gone again');
  return { state, isOwn: stored?.submissionId === payload.submissionId && state.createdAt === createdAt };
}
