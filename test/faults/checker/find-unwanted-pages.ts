import type { RecordedRequest } from '../../support/table-double/request-log';
import { type History, isOver, listAccepted } from '../harness/history';

/** A run looks whether it may go on once a second, and stops within this. */
const STOPS_WITHIN_MS = 2_000;

interface Wish {
  start: string;
  end: string;
  from: number;
  to: number;
}

/** I10: each page is asked for on behalf of a query that is alive, or was two seconds ago. */
export function findUnwantedPages(history: History, requests: readonly RecordedRequest[]): string[] {
  const wishes = listWishes(history);
  const isBlind = (at: number) => history.blindnesses.some(({ from, to }) => at >= from && at <= to + STOPS_WITHIN_MS);
  const unwanted = requests.filter(({ day, filter, receivedAtMs: at }) => {
    // Without a filter it is the probe of readiness.
    if (day === null || filter === null || isBlind(at)) return false;
    return !wishes.some(({ start, end, from, to }) => day >= start && day <= end && at >= from && at <= to);
  });
  const [first] = unwanted;
  if (first === undefined) return [];
  return [`I10: ${unwanted.length} pages were asked for that nobody waits for, the first of ${first.day}`];
}

function listWishes(history: History): Wish[] {
  const accepted = listAccepted(history);
  const endOf = (id: string | undefined) => {
    if (id === undefined || !accepted.has(id)) return Infinity;
    const ends = history.calls.filter(({ answer }) => answer?.document?.id === id && isOver(answer.document));
    return Math.min(Infinity, ...ends.map(({ endedAt }) => endedAt + STOPS_WITHIN_MS));
  };
  // A submission that was refused with 503 may have been queued for a moment: its wish has no end that could be known.
  return history.calls.flatMap(({ kind, range, startedAt, answer }) => {
    if (kind !== 'submit' || range === undefined) return [];
    return [{ ...range, from: startedAt, to: endOf(answer?.document?.id) }];
  });
}
