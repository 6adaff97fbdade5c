import type { QueryState } from '#shared/contract/query-document';

/** The status document: one shape on every route. Times are ISO 8601 in UTC, links are relative. */
export function toQueryDocument(state: QueryState) {
  const self = `/api/queries/${state.id}`;
  const { start, end, maxAgeSeconds } = state.request;
  return {
    id: state.id,
    status: state.status,
    request: { start, end, maxAgeSeconds },
    createdAt: toIso(state.createdAt),
    startedAt: toIso(state.startedAt),
    finishedAt: toIso(state.finishedAt),
    expiresAt: toIso(state.expiresAt),
    progress: state.progress,
    result: state.result,
    error: state.error,
    links: { self, result: `${self}/result`, events: `${self}/events` },
  };
}

function toIso(time: number | null): string | null {
  return time === null ? null : new Date(time).toISOString();
}
