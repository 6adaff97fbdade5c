import { setMaxListeners } from 'node:events';
import { listDays, type CalendarDay } from '#shared/contract/calendar-day';
import { type DaySet, type DaySetHead, type DaySets, type FreshnessDemand, isFresh } from '#shared/contract/day-set';
import type { QueryProgress, QueryResult } from '#shared/contract/query-document';
import { type DayEffort, type DayRecord, type DayScanRecord, DaySource } from '#shared/contract/query-history';
import type { QueryRequest } from '#shared/contract/query-request';
import type { SlotClaim } from './day-scan';
import { addInPieces, IdentifierSet } from './identifier-set';
import { ProgressMeter } from './progress-meter';

/** Day sets read concurrently: enough to hide the round trips, few enough to hold in memory. */
const DAY_SETS_AT_ONCE = 8;

/** A day with more than this many times its even share of the work is read first; otherwise the query ends waiting for it. */
const URGENT_SHARE = 4;

/** The effort for a day whose day set is stored. */
const NO_EFFORT: DayEffort = { pages: 0, milliseconds: 0, retries: 0, throttles: 0 };

export interface QueryInput {
  request: QueryRequest;
  /** By the clock of the day sets. */
  createdAt: number;
  /** The time from which day sets are fresh, if it is not `createdAt`: see `QueryJobPayload`. */
  freshAsOf?: number | undefined;
  /** The progress of earlier runs of the query. */
  earlier: Partial<QueryProgress>;
  /** The stored day sets of its days, as it begins. */
  heads: ReadonlyMap<CalendarDay, DaySetHead | DaySet>;
}

export interface DayScanRequest extends SlotClaim {
  demand: FreshnessDemand;
  /** Called with the number of entities of each page. */
  onPage: (entities: number) => void;
  /** Called when the day or a part of it has been stored, so that no run has to read it again. */
  onCheckpoint?: () => void;
  /** Called with the effort of the scan, also when it fails. */
  onScanned?: (scan: DayScanRecord) => void;
}

export interface QueryPorts {
  daySets: DaySets;
  /** Returns a stored day set that is fresh for the demand. */
  scanDay(day: CalendarDay, request: DayScanRequest, signal: AbortSignal): Promise<DaySet>;
  /** How many days may be scanned concurrently. */
  daysAtOnce: number;
  /** Called before anything is read, with a function that returns the progress at any time. */
  onStart(readProgress: () => QueryProgress): void;
  /** Called for each day that is done or that ends unfinished. */
  onDay(record: DayRecord): void;
  /** See {@link DayScanRequest}. */
  onCheckpoint(): void;
}

export interface QueryAnswer {
  result: QueryResult;
  progress: QueryProgress;
}

/**
 * Runs a query: uses the day sets that are fresh, scans the other days concurrently, largest first, and counts the union
 * of their identifiers.
 *
 * @throws The signal's reason, or the error of the first day that fails. Pages that were read by then stay stored, so the
 *   next run continues with them.
 */
export async function runQuery(query: QueryInput, ports: QueryPorts, signal: AbortSignal): Promise<QueryAnswer> {
  const { daySets } = ports;
  const days = listDays(query.request.start, query.request.end);
  const { maxAgeSeconds } = query.request;
  const demand: FreshnessDemand = { createdAt: query.freshAsOf ?? query.createdAt, maxAgeSeconds };
  const { heads } = query;
  const sizes = new Map([...heads].map(([day, head]) => [day, head.entitiesRead]));
  const meter = new ProgressMeter(days, sizes, query.earlier, () => performance.now());
  ports.onStart(() => meter.read());

  const union = new IdentifierSet();
  const total = { entitiesRead: 0, entitiesWithoutIdentifier: 0, daysReused: 0, oldestScanAt: Infinity };
  // A day that was read for this query was read after its creation. If its time is earlier, Redis' clock went back.
  const toScanTime = ({ scannedAt, demandedAt }: DaySet) =>
    demandedAt === query.createdAt ? Math.max(scannedAt, query.createdAt) : scannedAt;
  // Days read before the query was created; only `maxAgeSeconds` and `freshAsOf` allow them.
  const isReused = (daySet: DaySet) => toScanTime(daySet) < query.createdAt;
  const addDay = async (day: CalendarDay, daySet: DaySet) => {
    const reused = isReused(daySet);
    await addInPieces(union, daySet.identifiers);
    total.entitiesRead += daySet.entitiesRead;
    total.entitiesWithoutIdentifier += daySet.entitiesWithoutIdentifier;
    total.daysReused += reused ? 1 : 0;
    total.oldestScanAt = Math.min(total.oldestScanAt, toScanTime(daySet));
    meter.dayDone(day, daySet.entitiesRead, reused, union.size);
  };

  const readWhole = (day: CalendarDay, head: DaySetHead | DaySet) =>
    'identifiers' in head ? head : daySets.read(day, signal);
  const toScan: CalendarDay[] = [];
  await forEachBounded(days, DAY_SETS_AT_ONCE, signal, async (day) => {
    const head = heads.get(day);
    const daySet = head && isFresh(head, demand) ? await readWhole(day, head) : undefined;
    // Checked again: since its head was read, it may have been replaced or have expired.
    if (daySet === undefined || !isFresh(daySet, demand)) {
      toScan.push(day);
      return;
    }
    await addDay(day, daySet);
    const source = isReused(daySet) ? DaySource.Reused : DaySource.Stored;
    ports.onDay({ day, source, entities: daySet.entitiesRead, ...NO_EFFORT });
  });
  meter.startScanning();
  toScan.sort((a, b) => meter.weightOf(b) - meter.weightOf(a) || (a < b ? -1 : 1));
  await forEachBounded(toScan, ports.daysAtOnce, signal, async (day, daySignal) => {
    const onPage = (entities: number) => meter.pageRead(day, entities);
    const isUrgent = meter.shareOf(day) > URGENT_SHARE / ports.daysAtOnce;
    const onCheckpoint = () => ports.onCheckpoint();
    const onScanned = (scan: DayScanRecord) => ports.onDay({ day, ...scan });
    const scan = { query, isUrgent, demand, onPage, onCheckpoint, onScanned };
    await addDay(day, await ports.scanDay(day, scan, daySignal));
  });

  const result: QueryResult = {
    count: union.size,
    entitiesRead: total.entitiesRead,
    entitiesWithoutIdentifier: total.entitiesWithoutIdentifier,
    daysScanned: days.length - total.daysReused,
    daysReused: total.daysReused,
    oldestScanAt: new Date(total.oldestScanAt).toISOString(),
  };
  return { result, progress: meter.readComplete(union.size) };
}

/**
 * Calls `work` for each item, in order, at most `atOnce` concurrently. When one fails, or `signal` is aborted, it aborts
 * the signal of the others and starts no more. It settles when all that were started have ended.
 *
 * @throws The first error, or the signal's reason.
 */
export async function forEachBounded<T>(
  items: readonly T[],
  atOnce: number,
  signal: AbortSignal,
  work: (item: T, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  signal.throwIfAborted();
  const stop = new AbortController();
  // Each concurrent call adds listeners.
  setMaxListeners(0, stop.signal);
  const onAbort = () => stop.abort(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  const remaining = items.values();
  const lane = async () => {
    for (const item of remaining) {
      if (stop.signal.aborted) return;
      try {
        await work(item, stop.signal);
      } catch (error) {
        // A signal keeps its first reason.
        stop.abort(error);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, lane));
  signal.removeEventListener('abort', onAbort);
  stop.signal.throwIfAborted();
}
