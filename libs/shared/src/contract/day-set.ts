import type { CalendarDay } from './calendar-day';

/** What an identifier, a 128-bit keyed hash, takes in a stored day set. */
export const IDENTIFIER_BYTES = 16;

/** What the freshness of a scan is judged by: milliseconds since 1970 by Redis' clock. */
export interface ScanTimes {
  /** When the reading of the day began. */
  scannedAt: number;
  /** `createdAt` of the demand that it began for. It began later, also where the clock went back in between. */
  demandedAt: number;
}

/** What is known of a day set without reading its identifiers. */
export interface DaySetHead extends ScanTimes {
  entitiesRead: number;
  entitiesWithoutIdentifier: number;
}

/** What the scan of one day leaves behind. */
export interface DaySet extends DaySetHead {
  /** The distinct identifiers as 128-bit keyed hashes, 16 bytes each, in no particular order. */
  identifiers: Uint8Array;
}

/** The continuation token of the table service after a page; opaque. */
export interface ContinuationToken {
  partitionKey?: string;
  rowKey?: string;
}

/** How far the scan of a day got. */
export interface DayPosition extends DaySetHead {
  after: ContinuationToken;
  /** Where the scan was resumed before, each time that it was. */
  resumedAfter: readonly ContinuationToken[];
}

/** A scan of a day that can be resumed: the day set so far, and the position. */
export interface DayCheckpoint extends DayPosition {
  identifiers: Uint8Array;
}

/** What there is of a day before it is scanned. */
export interface DayStart {
  /** The time, by the clock that every `scannedAt` is taken from: milliseconds since 1970. */
  now: number;
  head: DaySetHead | undefined;
  checkpoint: DayCheckpoint | undefined;
}

/** The store of day sets, as the algorithm needs it. */
export interface DaySets {
  /**
   * The heads of those days that have a day set; of a small one, where there are not too many days, all that can be
   * trusted. One round trip.
   */
  readHeads(days: readonly CalendarDay[]): Promise<Map<CalendarDay, DaySetHead | DaySet>>;
  /**
   * What there is of a day now; one round trip.
   *
   * @param signal Ends the wait for a store that refuses; so for `read`.
   */
  readStart(day: CalendarDay, signal?: AbortSignal): Promise<DayStart>;
  /** Undefined where there is none, or one that cannot be trusted. */
  read(day: CalendarDay, signal?: AbortSignal): Promise<DaySet | undefined>;
  /**
   * Stores a scanned day; its checkpoint is of no more use.
   *
   * @returns Whether it is stored, or one that was begun later. False when Redis takes no writes or has no room to spare.
   */
  write(day: CalendarDay, daySet: DaySet): Promise<boolean>;
  /** A scan's way to store how far it is; begins with what `resumed` holds. */
  openCheckpoint(day: CalendarDay, resumed: DayCheckpoint | undefined): CheckpointWriter;
}

/** Stores how far one scan is, again and again, at the cost of what is new each time. */
export interface CheckpointWriter {
  /**
   * @param added The identifiers that are new since the last call that stored them, 16 bytes each.
   * @param all Gives all of the scan's, for when it has to be stored from the start.
   * @returns Whether it was stored. What was not has to be among `added` the next time.
   */
  save(position: DayPosition, added: Uint8Array, all: () => Uint8Array): Promise<boolean>;
  /** Takes away what is stored: it cannot be trusted. */
  discard(): Promise<void>;
}

/** What the freshness rule asks of a query. */
export interface FreshnessDemand {
  /** By the clock of the day sets. */
  createdAt: number;
  maxAgeSeconds: number;
}

/**
 * The freshness rule: the one rule behind resuming after a crash, retrying a failed query, reuse between
 * queries, and sharing between queries that run at the same time. What was read for the demand itself is fresh
 * whatever the clock shows: after it went back, a query would read its own days again with each run.
 */
export function isFresh({ scannedAt, demandedAt }: ScanTimes, demand: FreshnessDemand): boolean {
  return demandedAt === demand.createdAt || scannedAt >= demand.createdAt - demand.maxAgeSeconds * 1_000;
}
