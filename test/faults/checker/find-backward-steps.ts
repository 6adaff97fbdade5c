import {
  type History,
  isOver,
  listAccepted,
  listSightings,
  type QueryDocument,
  type Sighting,
} from '../harness/history';
import { mayBeLost } from './may-be-lost';

/** I2: what is seen of a query never goes back; an end is for good; what was known is not unknown later. */
export function findBackwardSteps(history: History, { mayBeLost: mayAllBeLost = false } = {}): string[] {
  const ids = listAccepted(history);
  const sightings = listSightings(history);
  return [...ids]
    .flatMap(([id, { caller }]) => {
      const seen = (sightings.get(id) ?? []).filter(({ call }) => call.caller === caller);
      return findSteps(history, id, seen);
    })
    .concat(mayAllBeLost ? [] : findForgotten(history, sightings));
}

function findForgotten(history: History, sightings: ReadonlyMap<string, Sighting[]>): string[] {
  const accepted = listAccepted(history);
  return history.calls.flatMap((call) => {
    const acceptance = accepted.get(call.id ?? '');
    if (call.id === undefined || call.answer?.status !== 404 || acceptance?.caller !== call.caller) return [];
    const isLate = call.startedAt > acceptance.endedAt;
    if (!isLate || mayBeLost(history, sightings.get(call.id) ?? [], call)) return [];
    return [`I2: ${call.id} was accepted and is unknown later`];
  });
}

function findSteps({ losses }: History, id: string, seen: readonly Sighting[]): string[] {
  const isLost = ({ call, document }: Sighting, after: Sighting) =>
    losses.some(({ from, to }) => {
      // An end is lost with its outcome, which is as old as it says.
      const since = document.finishedAt === null ? call.endedAt : Date.parse(document.finishedAt);
      return call.startedAt <= to && since >= from && after.call.endedAt >= from;
    });
  const findStepTo = (after: Sighting): string | undefined => {
    // Two calls at the same time may be answered in any order. One that was created anew is another one: whether it may
    // be is asked elsewhere (I4).
    const isBefore = ({ call, document }: Sighting) =>
      call.endedAt <= after.call.startedAt && document.createdAt >= after.document.createdAt;
    for (const before of seen) {
      const step = isBefore(before) ? findStep(before.document, after.document) : undefined;
      if (step !== undefined && !isLost(before, after)) return `I2: ${id} ${step}`;
    }
    return undefined;
  };
  return seen.flatMap((sighting) => findStepTo(sighting) ?? []);
}

function findStep(before: QueryDocument, after: QueryDocument): string | undefined {
  const toText = ({ status, result, error, finishedAt }: QueryDocument) =>
    JSON.stringify({ status, result, error, finishedAt });
  if (isOver(before)) {
    return toText(before) === toText(after) ? undefined : `ended as ${toText(before)}, then ${toText(after)}`;
  }
  if (before.status === 'Running' && after.status === 'Pending') return 'went from Running to Pending';
  for (const member of ['percent', 'atLeast'] as const) {
    const [was, is] = [before.progress[member], after.progress[member]];
    if (is < was) return `went back in ${member} from ${was} to ${is}`;
  }
  return undefined;
}
