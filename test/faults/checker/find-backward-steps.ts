import { type Call, type History, isOver, listAccepted, type QueryDocument } from '../harness/history';
import { mayBeLost } from './may-be-lost';

interface Sighting {
  startedAt: number;
  endedAt: number;
  document: QueryDocument;
}

/** I2: what is seen of a query never goes back; an end is for good; what was known is not unknown later. */
export function findBackwardSteps(history: History, { mayBeLost: mayAllBeLost = false } = {}): string[] {
  const ids = listAccepted(history);
  const byId = new Map<string, Call[]>();
  for (const call of history.calls) {
    const id = call.answer?.document?.id ?? call.id;
    const isOwners = id !== undefined && ids.get(id)?.caller === call.caller;
    if (isOwners && call.answer !== undefined) byId.set(id, [...(byId.get(id) ?? []), call]);
  }
  return [...byId].flatMap(([id, calls]) => [
    ...findSteps(history, id, calls),
    ...(mayAllBeLost ? [] : findForgotten(history, id, calls)),
  ]);
}

function findForgotten(history: History, id: string, calls: readonly Call[]): string[] {
  const accepted = calls.filter(({ kind, answer }) => kind === 'submit' && answer?.status === 202);
  const acceptedAt = Math.min(...accepted.map(({ endedAt }) => endedAt));
  return calls
    .filter(({ answer, startedAt }) => answer?.status === 404 && startedAt > acceptedAt)
    .filter((call) => !mayBeLost(history, id, calls, call))
    .map(() => `I2: ${id} was accepted and is unknown later`);
}

function findSteps({ losses }: History, id: string, calls: Call[]): string[] {
  const violations: string[] = [];
  let before: Sighting | undefined;
  const isLost = ({ startedAt, endedAt, document }: Sighting, after: Sighting) =>
    losses.some(({ from, to }) => {
      // An end is lost with its outcome, which is as old as it says.
      const since = document.finishedAt === null ? endedAt : Date.parse(document.finishedAt);
      return startedAt <= to && since >= from && after.endedAt >= from;
    });
  for (const { startedAt, endedAt, answer } of calls.sort((a, b) => a.endedAt - b.endedAt)) {
    const document = answer?.document;
    if (document === undefined) continue;
    const sighting = { startedAt, endedAt, document };
    // One that was created anew is another one: whether it may be is asked elsewhere (I4).
    if (before !== undefined && before.document.createdAt < document.createdAt) before = undefined;
    // Two calls at the same time may be answered in any order.
    const step = before && startedAt >= before.endedAt ? findStep(before.document, document) : undefined;
    const isExcused = step !== undefined && before !== undefined && isLost(before, sighting);
    if (step !== undefined && !isExcused) violations.push(`I2: ${id} ${step}`);
    if (before === undefined || isExcused || !isOver(before.document)) before = sighting;
  }
  return violations;
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
