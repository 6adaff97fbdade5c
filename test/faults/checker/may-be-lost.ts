import type { Call, History, Sighting } from '../harness/history';

/**
 * Whether a query may be unknown to a call that began after its acceptance: when a loss took its creation, and nobody has
 * seen it since.
 *
 * @param seen Of the query, by its caller, in their order.
 */
export function mayBeLost({ losses }: History, seen: readonly Sighting[], unknown: Call): boolean {
  const before = seen.filter(({ call }) => call.endedAt < unknown.startedAt);
  const latest = before.reduce((last, { document }) => (document.createdAt > last ? document.createdAt : last), '');
  const life = before.filter(({ document }) => document.createdAt === latest);
  const acceptedAt = life[0]?.call.endedAt ?? Infinity;
  return losses.some(({ from, to }) => {
    const isIn = Date.parse(latest) <= to && acceptedAt >= from && unknown.endedAt >= from;
    return isIn && !life.some(({ call }) => call.startedAt > to);
  });
}
