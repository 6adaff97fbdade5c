import { type CalendarDay, toKeyRange } from '#shared/contract/calendar-day';
import type { CheckpointWriter, ContinuationToken, DayCheckpoint, DayPosition, DaySet } from '#shared/contract/day-set';
import type { FailureCode } from '#shared/contract/error-codes';
import { QueryFailedError } from '#shared/contract/query-failed-error';
import { addInPieces } from './add-in-pieces';
import { HASH_WORDS, type IdentifierHash } from './identifier-hash';
import { IdentifierLog } from './identifier-log';
import { IdentifierSet } from './identifier-set';

/** The most that a scan loses when its process is killed. */
const PAGES_PER_CHECKPOINT = 50;

/** The part of a day that one request gives. */
export interface Page {
  identifiers: readonly string[];
  entitiesWithoutIdentifier: number;
  next: ContinuationToken | undefined;
}

/** A query that waits for a page, where pages have to wait for each other. */
export interface SlotClaim {
  /** Stands for the query: the same object for all of its pages. */
  query: object;
  /** Whether the page goes before other pages of this query. Between queries it makes no difference. */
  isUrgent: boolean;
}

/** Entities whose partition key is `>= from` and `< to`. */
export interface PageRange {
  from: string;
  to: string;
  /** The queries that wait for its pages at the moment: at least one. */
  claims: Iterable<SlotClaim>;
  /** Told each time that a page is asked for again, with the code of what was wrong. Absent: nobody is. */
  onRetry?: OnRetry;
}

export type OnRetry = (code: FailureCode) => void;

export interface PageSource {
  read(range: PageRange, after: ContinuationToken | undefined, signal: AbortSignal): Promise<Page>;
}

export interface DayScanStart {
  /** When the scan begins, or began if it is gone on with, by the clock of the day sets. */
  scannedAt: number;
  resumed: DayCheckpoint | undefined;
  checkpoint: CheckpointWriter;
  /** See {@link PageRange}. */
  claims: Iterable<SlotClaim>;
  /** See {@link PageRange}. */
  onRetry?: OnRetry;
}

/**
 * Reads one day, page after page. How far it is gets stored now and then, and when it has to stop, for
 * whatever reason, so that the next scan of the day goes on from there.
 *
 * @param onPage Told how many entities each page had; what a resumed scan has read before counts as one.
 * @throws QueryFailedError TABLE_PROTOCOL when the table's continuation tokens go round in a circle; what the
 *   source of pages throws; the signal's reason.
 */
export async function scanDay(
  day: CalendarDay,
  { scannedAt, resumed, checkpoint, claims, onRetry }: DayScanStart,
  { pages, hash }: { pages: PageSource; hash: IdentifierHash },
  onPage: (entities: number) => void,
  signal: AbortSignal,
): Promise<DaySet> {
  const range = { ...toKeyRange(day), claims, ...(onRetry === undefined ? {} : { onRetry }) };
  const identifiers = new IdentifierSet();
  if (resumed !== undefined) await addInPieces(identifiers, resumed.identifiers);
  const unsaved = new IdentifierLog();
  const words = new Int32Array(HASH_WORDS);
  const circle = new CircleDetector();
  let entitiesRead = resumed?.entitiesRead ?? 0;
  let entitiesWithoutIdentifier = resumed?.entitiesWithoutIdentifier ?? 0;
  let after = resumed?.after;
  let unsavedPages = 0;
  const save = async (next: ContinuationToken) => {
    unsavedPages = 0;
    const position: DayPosition = { scannedAt, entitiesRead, entitiesWithoutIdentifier, after: next };
    const isSaved = await checkpoint.save(position, unsaved.toBytes(), () => identifiers.toBytes());
    if (isSaved) unsaved.clear();
  };

  if (entitiesRead > 0) onPage(entitiesRead);
  try {
    for (;;) {
      const page = await pages.read(range, after, signal);
      for (const identifier of page.identifiers) {
        hash(identifier, words);
        if (identifiers.add(words)) unsaved.add(words);
      }
      const entities = page.identifiers.length + page.entitiesWithoutIdentifier;
      entitiesRead += entities;
      entitiesWithoutIdentifier += page.entitiesWithoutIdentifier;
      onPage(entities);
      if (page.next === undefined) break;
      circle.check(page.next);
      after = page.next;
      unsavedPages += 1;
      if (unsavedPages === PAGES_PER_CHECKPOINT) await save(after);
    }
  } catch (error) {
    // What stopped the scan is the news, not a checkpoint that could not be stored on top of it.
    if (circle.isFound) await checkpoint.discard().catch(() => {});
    else if (after !== undefined && unsavedPages > 0) await save(after).catch(() => {});
    throw error;
  }
  return { scannedAt, entitiesRead, entitiesWithoutIdentifier, identifiers: identifiers.toBytes() };
}

/** Brent's algorithm: finds that a sequence repeats without keeping the sequence. */
class CircleDetector {
  /** Pages of the circle may have been read, and counted, more than once. */
  isFound = false;
  private milestone = '';
  private steps = 0;
  private limit = 1;

  check({ partitionKey, rowKey }: ContinuationToken): void {
    const token = JSON.stringify([partitionKey, rowKey]);
    if (token === this.milestone) {
      this.isFound = true;
      throw new QueryFailedError('TABLE_PROTOCOL', 'a continuation token repeats');
    }
    this.steps += 1;
    if (this.steps === this.limit) {
      this.milestone = token;
      this.limit *= 2;
      this.steps = 0;
    }
  }
}
