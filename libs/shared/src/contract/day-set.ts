import type { CalendarDay } from './calendar-day';

/** What is known of a day set without reading its identifiers. */
export interface DaySetHead {
  /** When the reading of the day began: milliseconds since 1970 by Redis' clock. */
  scannedAt: number;
  entitiesRead: number;
  entitiesWithoutIdentifier: number;
}

/** What the scan of one day leaves behind. */
export interface DaySet extends DaySetHead {
  /** The distinct identifiers as 128-bit keyed hashes, 16 bytes each, in no particular order. */
  identifiers: Uint8Array;
}

/** The store of day sets, as the algorithm needs it. */
export interface DaySets {
  /** The heads of those days that have a day set; one round trip. */
  readHeads(days: readonly CalendarDay[]): Promise<Map<CalendarDay, DaySetHead>>;
  /** Undefined where there is none, or one that cannot be trusted. */
  read(day: CalendarDay): Promise<DaySet | undefined>;
  write(day: CalendarDay, daySet: DaySet): Promise<void>;
  /** Milliseconds since 1970 by the clock that `scannedAt` is taken from. */
  now(): Promise<number>;
}

/**
 * The freshness rule: the one rule behind resuming after a crash, retrying a failed query, reuse between
 * queries, and sharing between queries that run at the same time.
 */
export function isFresh(head: DaySetHead, query: { createdAt: number; maxAgeSeconds: number }): boolean {
  return head.scannedAt >= query.createdAt - query.maxAgeSeconds * 1_000;
}
