import type { WorkerSighting } from '#shared/contract/worker-beat';
import type { AuditRecord } from '#shared/redis/audit-log';

/** A worker process and the queries that it runs. */
export function toWorkerDocument({ queries, startedAt, lastBeatAt, ...worker }: WorkerSighting) {
  return {
    ...worker,
    startedAt: toIso(startedAt),
    lastBeatAt: toIso(lastBeatAt),
    queries: queries.map(({ id, since }) => ({ id, since: toIso(since), link: `/operator/queries/${id}` })),
  };
}

/** What an operator has changed or read, or a failed login. */
export function toAuditDocument({ at, ...record }: AuditRecord) {
  return { at: toIso(at), ...record };
}

function toIso(time: number): string {
  return new Date(time).toISOString();
}
