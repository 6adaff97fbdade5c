import { type Call, type History, listDocuments } from '../harness/history';

/**
 * Whether a query may be unknown to a call that began after its acceptance: when a loss took its creation, and nobody has
 * seen it since.
 *
 * @param calls Of its caller, concerning it.
 */
export function mayBeLost({ losses }: History, id: string, calls: readonly Call[], unknown: Call): boolean {
  const sightings = calls.flatMap((call) =>
    listDocuments(call).flatMap((document) => (document.id === id ? [{ call, createdAt: document.createdAt }] : [])),
  );
  const before = sightings.filter(({ call }) => call.endedAt < unknown.startedAt);
  const latest = before.reduce((last, one) => (one.createdAt > last ? one.createdAt : last), '');
  const life = before.filter(({ createdAt }) => createdAt === latest).map(({ call }) => call);
  const acceptedAt = Math.min(...life.map(({ endedAt }) => endedAt));
  return losses.some(({ from, to }) => {
    const isIn = Date.parse(latest) <= to && acceptedAt >= from && unknown.endedAt >= from;
    return isIn && !life.some(({ startedAt }) => startedAt > to);
  });
}
