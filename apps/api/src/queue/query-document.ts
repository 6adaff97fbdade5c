import type { QueryState } from '#shared/contract/query-document';

/**
 * The status document: one shape on every route. Times are ISO 8601 in UTC, links are relative.
 *
 * @param basePath What the links begin with: `ApiConfig.publicBasePath`.
 */
export function toQueryDocument(state: QueryState, basePath = '') {
  const self = `${basePath}/api/queries/${state.id}`;
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

/** The status document as it is sent; its `ETag` is that of this text. */
export function toDocumentText(state: QueryState, basePath = ''): string {
  return JSON.stringify(toQueryDocument(state, basePath));
}

function toIso(time: number | null): string | null {
  return time === null ? null : new Date(time).toISOString();
}
