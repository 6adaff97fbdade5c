import type { QueryState } from '#shared/contract/query-document';
import type { HistoryEvent, QueryHistory } from '#shared/contract/query-history';
import type { WorkerSighting } from '#shared/contract/worker-beat';
import type { JobHolder } from '#shared/redis/query-runs';
import { toQueryDocument } from '../../queue/query-document';

/** What more there is to show of one query. */
export interface QueryDetails {
  holder: JobHolder | undefined;
  workers: readonly WorkerSighting[];
  /** Undefined: not asked for. */
  history: QueryHistory | undefined;
}

/** The status document of callers, with the query's caller and the links for operators. */
export function toListItem(state: QueryState) {
  const self = `/operator/queries/${state.id}`;
  const { id, status, ...document } = toQueryDocument(state);
  const links = { self, terminate: `${self}/terminate`, restart: `${self}/restart`, rewind: `${self}/rewind` };
  return { id, status, caller: state.caller, ...document, links };
}

/** One query with who has it and what has happened to it. */
export function toOperatorQueryDocument(
  state: QueryState,
  { holder, workers, history }: QueryDetails,
  show: { showInput: boolean; showHistoryOutput: boolean },
) {
  const item = toListItem(state);
  return {
    ...item,
    request: show.showInput ? item.request : null,
    worker: holder === undefined ? null : toHolderDocument(holder, workers),
    history: history === undefined ? null : toHistoryDocument(history, show.showHistoryOutput),
  };
}

/** A worker that has the query, and whether it still says that it lives: one that does not is lost, not slow. */
function toHolderDocument({ worker, since }: JobHolder, workers: readonly WorkerSighting[]) {
  const sighting = workers.find(({ id }) => id === worker);
  const lastBeatAt = sighting === undefined ? null : toIso(sighting.lastBeatAt);
  return { id: worker, since: toIso(since), isAlive: sighting?.isAlive ?? false, lastBeatAt };
}

function toHistoryDocument({ events, dropped }: QueryHistory, isOutputShown: boolean) {
  return { events: events.map((event) => toEventDocument(event, isOutputShown)), dropped };
}

function toEventDocument({ at, ...event }: HistoryEvent, isOutputShown: boolean) {
  if (event.kind !== 'day') return { at: toIso(at), ...event };
  const { kind, worker, day, source, ...output } = event;
  return { at: toIso(at), kind, worker, day, source, ...(isOutputShown ? output : {}) };
}

function toIso(time: number): string {
  return new Date(time).toISOString();
}
