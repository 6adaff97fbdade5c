import { type History, isOver, listAccepted } from '../harness/history';
import { mayBeLost } from './may-be-lost';

/** I1: every accepted query has ended, within `limitMs` of its acceptance where a limit is given. */
export function findUnfinished(
  history: History,
  { mayBeLost: mayAllBeLost = false, limitMs = Infinity } = {},
): string[] {
  const violations: string[] = [];
  for (const [id, accepted] of listAccepted(history)) {
    const own = history.calls.filter(({ caller }) => caller === accepted.caller);
    const looks = own.filter((call) => call.id === id && call.kind === 'read');
    const end = looks.find(({ answer }) => answer?.document !== undefined && isOver(answer.document));
    if (end === undefined) {
      const unknown = looks.findLast(({ answer }) => answer?.status === 404);
      const isLost = unknown !== undefined && (mayAllBeLost || mayBeLost(history, id, own, unknown));
      if (!isLost) violations.push(`I1: ${id} was accepted and has not ended`);
    } else if (end.endedAt - accepted.endedAt > limitMs) {
      violations.push(`I1: ${id} took ${Math.round(end.endedAt - accepted.endedAt)} ms, more than ${limitMs}`);
    }
  }
  return violations;
}
