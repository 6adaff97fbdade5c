import { type History, isOver, listAccepted, listSightings, type Sighting } from '../harness/history';
import { mayBeLost } from './may-be-lost';

/**
 * I1: every accepted query has ended, within `limitMs` of its acceptance or of the last disturbance after it: a process
 * that ended or was added, a time in which a worker could not know better.
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
    if (tookMs > limitMs) violations.push(`I1: ${id} took ${Math.round(tookMs)} ms in peace, more than ${limitMs}`);
  }
  return violations;
}

/** By Redis' clock, which is the machine's: nobody may have looked at that moment. */
function findEnd(seen: readonly Sighting[]): number | undefined {
  const ends = seen.map(({ document }) => document).filter(isOver);
  return ends.length === 0 ? undefined : Math.min(...ends.map(({ finishedAt }) => Date.parse(finishedAt ?? '')));
}

function findLastDisturbance({ blindnesses, ends, starts }: History, before: number): number {
  const times = [...blindnesses.map(({ to }) => to), ...ends.map(({ at }) => at), ...starts];
  const isInOne = blindnesses.some(({ from, to }) => before >= from && before <= to);
  return isInOne ? before : Math.max(-Infinity, ...times.filter((time) => time <= before));
}
