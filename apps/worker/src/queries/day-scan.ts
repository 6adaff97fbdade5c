import { nextDay, type CalendarDay } from '#shared/contract/calendar-day';
import type { DaySet } from '#shared/contract/day-set';
import { QueryFailedError } from '#shared/contract/query-failed-error';
import { IdentifierSet } from './identifier-set';
import { HASH_WORDS, type IdentifierHash } from './identifier-hash';

/** Where the table goes on after a page; the service's own words, not looked into. */
export interface ContinuationToken {
  partitionKey: string | undefined;
  rowKey: string | undefined;
}

/** The part of a day that one request gives. */
export interface Page {
  identifiers: readonly string[];
  entitiesWithoutIdentifier: number;
  next: ContinuationToken | undefined;
}

/** Entities whose partition key is `>= from` and `< to`. */
export interface KeyRange {
  from: string;
  to: string;
}

export interface PageSource {
  read(range: KeyRange, after: ContinuationToken | undefined, signal: AbortSignal): Promise<Page>;
}

/**
 * Reads one day, page after page.
 *
 * @param scannedAt When the scan begins, by the clock of the day sets.
 * @param onPage Told how many entities each page had.
 * @throws QueryFailedError TABLE_PROTOCOL when the table's continuation tokens go round in a circle.
 */
export async function scanDay(
  day: CalendarDay,
  scannedAt: number,
  { pages, hash }: { pages: PageSource; hash: IdentifierHash },
  onPage: (entities: number) => void,
  signal: AbortSignal,
): Promise<DaySet> {
  // A key with a suffix, such as 2021-10-10-b, belongs to its day; so does one on the last day of a range.
  const range = { from: day, to: nextDay(day) };
  const identifiers = new IdentifierSet();
  const words = new Int32Array(HASH_WORDS);
  const circle = new CircleDetector();
  let entitiesRead = 0;
  let entitiesWithoutIdentifier = 0;
  let after: ContinuationToken | undefined;
  do {
    const page = await pages.read(range, after, signal);
    for (const identifier of page.identifiers) {
      hash(identifier, words);
      identifiers.add(words);
    }
    const entities = page.identifiers.length + page.entitiesWithoutIdentifier;
    entitiesRead += entities;
    entitiesWithoutIdentifier += page.entitiesWithoutIdentifier;
    onPage(entities);
    after = page.next;
    if (after !== undefined) circle.check(after);
  } while (after !== undefined);
  return { scannedAt, entitiesRead, entitiesWithoutIdentifier, identifiers: identifiers.toBytes() };
}

/** Brent's algorithm: finds that a sequence repeats without keeping the sequence. */
class CircleDetector {
  private milestone = '';
  private steps = 0;
  private limit = 1;

  check({ partitionKey, rowKey }: ContinuationToken): void {
    const token = JSON.stringify([partitionKey, rowKey]);
    if (token === this.milestone) throw new QueryFailedError('TABLE_PROTOCOL', 'a continuation token repeats');
    this.steps += 1;
    if (this.steps === this.limit) {
      this.milestone = token;
      this.limit *= 2;
      this.steps = 0;
    }
  }
}
