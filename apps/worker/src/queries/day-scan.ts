import { type CalendarDay, toKeyRange } from '#shared/contract/calendar-day';
import type { CheckpointWriter, ContinuationToken, DayCheckpoint, DayPosition, DaySet } from '#shared/contract/day-set';
import type { FailureCode } from '#shared/contract/error-codes';
import { QueryFailedError } from '#shared/contract/query-failed-error';
import type { IdentifierHash } from './identifier-hash';
import { addInPieces, IdentifierLog, IdentifierSet } from './identifier-set';

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
  /** See {@link DaySetHead}. */
  demandedAt: number;
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
 * @throws QueryFailedError TABLE_PROTOCOL when a continuation token of the table comes back; what the source of pages
 *   throws; the signal's reason.
 */
export async function scanDay(
  day: CalendarDay,
  { scannedAt, demandedAt, resumed, checkpoint, claims, onRetry }: DayScanStart,
  { pages, hash }: { pages: PageSource; hash: IdentifierHash },
  onPage: (entities: number) => void,
  signal: AbortSignal,
): Promise<DaySet> {
  const range = { ...toKeyRange(day), claims, ...(onRetry === undefined ? {} : { onRetry }) };
  const identifiers = new IdentifierSet();
  if (resumed !== undefined) await addInPieces(identifiers, resumed.identifiers);
  const unsaved = new IdentifierLog();
  const resumedAfter = resumed === undefined ? [] : [...resumed.resumedAfter, resumed.after];
  const tokens = new TokenSet(hash, resumedAfter);
  let entitiesRead = resumed?.entitiesRead ?? 0;
  let entitiesWithoutIdentifier = resumed?.entitiesWithoutIdentifier ?? 0;
  let after = resumed?.after;
  let unsavedPages = 0;
  const save = async (next: ContinuationToken) => {
    const head = { scannedAt, demandedAt, entitiesRead, entitiesWithoutIdentifier };
    const position: DayPosition = { ...head, after: next, resumedAfter };
    if (!(await checkpoint.save(position, unsaved.toBytes(), () => identifiers.toBytes()))) return;
    unsaved.clear();
    unsavedPages = 0;
  };

  if (entitiesRead > 0) onPage(entitiesRead);
  try {
    for (;;) {
      const page = await pages.read(range, after, signal);
      if (page.next !== undefined) tokens.add(page.next);
      for (const identifier of page.identifiers) {
        const hashed = hash(identifier);
        if (identifiers.add(hashed)) unsaved.add(hashed);
      }
      const entities = page.identifiers.length + page.entitiesWithoutIdentifier;
      entitiesRead += entities;
      entitiesWithoutIdentifier += page.entitiesWithoutIdentifier;
      after = page.next;
      unsavedPages += 1;
      onPage(entities);
      if (after === undefined) break;
      if (unsavedPages % PAGES_PER_CHECKPOINT === 0) await save(after);
    }
  } catch (error) {
    // What stopped the scan is the news, not a checkpoint that could not be stored on top of it. Nor one that could not
    // be deleted: a scan that is resumed from it meets the token again, and fails too.
    if (tokens.hasRepeated) await checkpoint.discard().catch(() => {});
    else if (after !== undefined && unsavedPages > 0) await save(after).catch(() => {});
    throw error;
  }
  return { scannedAt, demandedAt, entitiesRead, entitiesWithoutIdentifier, identifiers: identifiers.toBytes() };
}

/**
 * The continuation tokens of a scan, by their hashes: 20 to 40 bytes a page. A token that comes back shows that its page was
 * read before and would be counted twice, so it is found before that page is asked for.
 *
 * Tokens from before a scan was resumed are not known, except those at which it was resumed. That is enough: pages that
 * follow one another lead from any earlier page to the end only through these.
 */
class TokenSet {
  hasRepeated = false;
  private readonly tokens = new IdentifierSet();

  constructor(
    private readonly hash: IdentifierHash,
    known: readonly ContinuationToken[],
  ) {
    for (const token of known) this.isNew(token);
  }

  /** @throws QueryFailedError TABLE_PROTOCOL when the token is not new. */
  add(token: ContinuationToken): void {
    if (this.isNew(token)) return;
    this.hasRepeated = true;
    throw new QueryFailedError('TABLE_PROTOCOL', 'a continuation token repeats');
  }

  /** No token is new twice. */
  private isNew({ partitionKey, rowKey }: ContinuationToken): boolean {
    return this.tokens.add(this.hash(JSON.stringify([partitionKey, rowKey])));
  }
}
