import { type Call, type History, isOver, listAccepted, type QueryDocument } from '../harness/history';

/** I2: what is seen of a query never goes back; an end is for good; what was known is not unknown later. */
export function findBackwardSteps(history: History, { mayBeLost = false } = {}): string[] {
  const ids = listAccepted(history);
  const byId = new Map<string, Call[]>();
  for (const call of history.calls) {
    const id = call.answer?.document?.id ?? call.id;
    const isOwners = id !== undefined && ids.get(id)?.caller === call.caller;
    if (isOwners && call.answer !== undefined) byId.set(id, [...(byId.get(id) ?? []), call]);
  }
  return [...byId].flatMap(([id, calls]) => findInOrder(id, calls, mayBeLost));
}

function findInOrder(id: string, calls: Call[], mayBeLost: boolean): string[] {
  const violations: string[] = [];
  let before: { endedAt: number; document: QueryDocument } | undefined;
  let acceptedAt = Infinity;
  for (const { kind, startedAt, endedAt, answer } of calls.sort((a, b) => a.endedAt - b.endedAt)) {
    if (kind === 'submit' && answer?.status === 202) acceptedAt = Math.min(acceptedAt, endedAt);
    if (answer?.status === 404 && startedAt > acceptedAt && !mayBeLost) {
      violations.push(`I2: ${id} was accepted and is unknown later`);
    }
    const document = answer?.document;
    if (document === undefined) continue;
    // Two calls at the same time may be answered in any order.
    if (before !== undefined && startedAt >= before.endedAt) {
      const step = findStep(before.document, document);
      if (step !== undefined) violations.push(`I2: ${id} ${step}`);
    }
    if (before === undefined || !isOver(before.document)) before = { endedAt, document };
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
