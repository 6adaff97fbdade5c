import { type CalendarDay, toKeyRange } from '#shared/contract/calendar-day';
import type { CheckpointWriter, ContinuationToken, DayCheckpoint, DayPosition, DaySet } from '#shared/contract/day-set';
import type { FailureCode } from '#shared/contract/error-codes';
import { QueryFailedError } from '#shared/contract/query-failed-error';
import type { IdentifierHash } from './identifier-hash';
import { addInPieces, IdentifierLog, IdentifierSet } from './identifier-set';

/** The most pages that a scan loses when its process is killed. */
const PAGES_PER_CHECKPOINT = 50;

/** The part of a day that one request returns. */
export interface Page {
  identifiers: readonly string[];
  entitiesWithoutIdentifier: number;
  next: ContinuationToken | undefined;
}

/** The claim of a query to a page slot. */
export interface SlotClaim {
  /** Identifies the query: the same object for all its pages. */
  query: object;
  /** Whether the page is read before other pages of this query. It has no effect between queries. */
  isUrgent: boolean;
}

/** Entities whose partition key is `>= from` and `< to`. */
export interface PageRange {
  from: string;
  to: string;
  /** The queries that wait for its pages now: at least one. */
  claims: Iterable<SlotClaim>;
  /** Called with the code of the fault before each retry of a page. */
  onRetry?: OnRetry;
}

export type OnRetry = (code: FailureCode) => void;

export interface PageSource {
  read(range: PageRange, after: ContinuationToken | undefined, signal: AbortSignal): Promise<Page>;
}

export interface DayScanStart {
  /** When the scan began, by the clock of the day sets. For a resumed scan: when its first run began. */
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
 * Reads one day, page after page. It stores a checkpoint every 50 pages, and when it stops for any reason, so that the
 * next scan of the day resumes there.
 *
 * @param onPage Called with the number of entities of each page. All pages before a resumption count as one.
 * @throws QueryFailedError TABLE_PROTOCOL when the table repeats a continuation token; errors of `pages.read`; the
 *   signal's reason.
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
    // The error that stopped the scan is thrown, even if the checkpoint cannot be stored or deleted as well. A scan that
    // resumes from a checkpoint that should have been deleted meets the token again, and fails too.
    if (tokens.hasRepeated) await checkpoint.discard().catch(() => {});
    else if (after !== undefined && unsavedPages > 0) await save(after).catch(() => {});
    throw error;
  }
  return { scannedAt, demandedAt, entitiesRead, entitiesWithoutIdentifier, identifiers: identifiers.toBytes() };
}

/**
 * The continuation tokens of a scan, as hashes: 20 to 40 bytes a page. A repeated token means that its page was read before
 * and would be counted twice, so it is found before that page is requested.
 *
 * Of the tokens from before a resumption, the set contains only those at which the scan resumed. That is enough: every path
 * from an earlier page to the end leads through them.
 */
class TokenSet {
  hasRepeated = false;
  private readonly tokens = new IdentifierSet();

  constructor(
    private readonly hash: IdentifierHash,
    known: readonly ContinuationToken[],
  ) {
    for (const token of known) this.addIfNew(token);
  }

  /** @throws QueryFailedError TABLE_PROTOCOL when the set contains the token. */
  add(token: ContinuationToken): void {
    if (this.addIfNew(token)) return;
    this.hasRepeated = true;
    throw new QueryFailedError('TABLE_PROTOCOL', 'a continuation token repeats');
  }

  /** Adds the token. @returns Whether it was new. */
  private addIfNew({ partitionKey, rowKey }: ContinuationToken): boolean {
    return this.tokens.add(this.hash(JSON.stringify([partitionKey, rowKey])));
  }
}
