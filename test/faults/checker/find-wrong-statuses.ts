import {
  type Call,
  type History,
  isOver,
  listAccepted,
  listSightings,
  type QueryDocument,
  type Sighting,
} from '../harness/history';

/**
 * I1: every accepted query has ended, within `limitMs` of its acceptance or of the last disturbance after it. A
 * disturbance is the end or start of a process, or a time in which a worker cannot learn the state of its query.
 */
export function findUnfinished(
  history: History,
  { mayBeLost: mayAllBeLost = false, limitMs = Infinity } = {},
): string[] {
  const violations: string[] = [];
  const sightings = listSightings(history);
  for (const [id, accepted] of listAccepted(history)) {
    const seen = sightings.get(id) ?? [];
    const endedAt = findEnd(seen);
    if (endedAt === undefined) {
      const unknown = history.calls.findLast(
        (call) => call.id === id && call.caller === accepted.caller && call.answer?.status === 404,
      );
      const isLost = unknown !== undefined && (mayAllBeLost || mayBeLost(history, seen, unknown));
      if (!isLost) violations.push(`I1: ${id} was accepted and has not ended`);
      continue;
    }
    const tookMs = endedAt - Math.max(accepted.endedAt, findLastDisturbance(history, endedAt));
    if (tookMs > limitMs)
      violations.push(`I1: ${id} took ${Math.round(tookMs)} ms without a disturbance, more than ${limitMs}`);
  }
  return violations;
}

/** By Redis' clock, which is the machine's, since no caller may have read the query at that moment. */
function findEnd(seen: readonly Sighting[]): number | undefined {
  const ends = seen.map(({ document }) => document).filter(isOver);
  return ends.length === 0 ? undefined : Math.min(...ends.map(({ finishedAt }) => Date.parse(finishedAt ?? '')));
}

function findLastDisturbance({ blindnesses, ends, starts }: History, before: number): number {
  const times = [...blindnesses.map(({ to }) => to), ...ends.map(({ at }) => at), ...starts];
  const isInOne = blindnesses.some(({ from, to }) => before >= from && before <= to);
  return isInOne ? before : Math.max(-Infinity, ...times.filter((time) => time <= before));
}

/** I1: a query fails only with a code that the test causes, and only its caller terminates it. All others complete. */
export function findUnforeseenEnds({ calls }: History, { mayFailAs = [] as readonly string[] } = {}): string[] {
  const wished = new Set(calls.filter(({ kind }) => kind === 'terminate').map(({ caller, id }) => `${caller} ${id}`));
  const isForeseen = (caller: string, { id, status, error }: QueryDocument) => {
    if (status === 'Failed') return mayFailAs.includes(error?.code ?? '');
    return status !== 'Terminated' || wished.has(`${caller} ${id}`);
  };
  const ends = [...listSightings({ calls }).values()].flatMap(
    (seen) => seen.find(({ document }) => isOver(document)) ?? [],
  );
  return ends
    .filter(({ call, document }) => !isForeseen(call.caller, document))
    .map(({ document: { id, status, error } }) => `I1: ${id} was ${status}${error ? ` as ${error.code}` : ''}`);
}

/** I2: status and progress never go back, a terminal status never changes, and an accepted query is never unknown. */
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
    return [`I2: ${call.id} was accepted and then unknown`];
  });
}

function findSteps({ losses }: History, id: string, seen: readonly Sighting[]): string[] {
  const isLost = ({ call, document }: Sighting, after: Sighting) =>
    losses.some(({ from, to }) => {
      // A terminal status is lost with its outcome, which was written at `finishedAt`.
      const since = document.finishedAt === null ? call.endedAt : Date.parse(document.finishedAt);
      return call.startedAt <= to && since >= from && after.call.endedAt >= from;
    });
  const findStepTo = (after: Sighting): string | undefined => {
    // The order of concurrent calls is not judged. A query with a later creation time is another query; I4 judges whether
    // it may exist.
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

/**
 * Whether a call that began after the acceptance of a query may get 404: a loss covers its creation, and no later call
 * has seen the query.
 *
 * @param seen The caller's sightings of the query, in order.
 */
function mayBeLost({ losses }: History, seen: readonly Sighting[], unknown: Call): boolean {
  const before = seen.filter(({ call }) => call.endedAt < unknown.startedAt);
  const latest = before.reduce((last, { document }) => (document.createdAt > last ? document.createdAt : last), '');
  const life = before.filter(({ document }) => document.createdAt === latest);
  const acceptedAt = life[0]?.call.endedAt ?? Infinity;
  return losses.some(({ from, to }) => {
    const isIn = Date.parse(latest) <= to && acceptedAt >= from && unknown.endedAt >= from;
    return isIn && !life.some(({ call }) => call.startedAt > to);
  });
}
