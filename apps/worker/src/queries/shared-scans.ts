import type { CalendarDay } from '#shared/contract/calendar-day';
import { type CheckpointWriter, type DaySet, type DaySets, isFresh, type ScanTimes } from '#shared/contract/day-set';
import { QueryFailedError } from '#shared/contract/query-failed-error';
import { type DayScanRecord, DaySource } from '#shared/contract/query-history';
import { orAborted } from '#shared/lifecycle/or-aborted';
import { type OnRetry, type PageSource, scanDay, type SlotClaim } from './day-scan';
import type { IdentifierHash } from './identifier-hash';
import type { DayScanRequest } from './run-query';

export interface DayScanPorts {
  daySets: DaySets;
  pages: PageSource;
  hash: IdentifierHash;
}

/** A query that waits for a scan: what it wants to hear, and its claim to the pages. */
type ScanListener = Pick<DayScanRequest, 'onPage' | 'onCheckpoint' | keyof SlotClaim>;

/** What a scan has of those who wait for it: they come and go. */
interface ScanAudience extends Required<Pick<DayScanRequest, 'onPage' | 'onCheckpoint'>> {
  claims: Iterable<SlotClaim>;
  /** The page after the last one is requested again. */
  onRetried: () => void;
}

/**
 * The scans of a process. A day that is being read for one query is awaited by another for which the scan is
 * fresh enough, not read twice; it goes on for as long as anyone waits for it.
 */
export class SharedScans {
  private readonly latest = new Map<CalendarDay, RunningScan>();

  constructor(private readonly ports: DayScanPorts) {}

  /**
   * A day set that is fresh for the query: one that another process has stored meanwhile, or else a scan, gone
   * on with from its checkpoint if that is fresh too. Stored when it is returned.
   *
   * A query that joined a scan while a page was being retried does not fail with it when that page's retries run out,
   * since it had only a part of them: it begins another scan, once.
   *
   * @throws As `scanDay` does.
   */
  async scan(day: CalendarDay, request: DayScanRequest, signal: AbortSignal): Promise<DaySet> {
    const { demand } = request;
    const meter = new ScanMeter();
    const startTelling = tellOnce(request.onPage);
    let wasLate = false;
    for (let seen: RunningScan | undefined; ;) {
      signal.throwIfAborted();
      const running = this.latest.get(day);
      if (running === undefined || running === seen) break;
      seen = running;
      if (running.isAbandoned) {
        // Its checkpoint is still being stored, and is worth waiting for.
        await orAborted(running.settled, signal);
        continue;
      }
      const times = await orAborted(running.times, signal);
      const { retriedPage } = running;
      const isLate = retriedPage !== undefined;
      const isUsable = times !== undefined && isFresh(times, demand) && !running.isAbandoned;
      if (isUsable && !(wasLate && isLate)) {
        try {
          const shared = await running.join({ ...request, onPage: startTelling() }, signal);
          request.onScanned?.(meter.read(DaySource.Shared, shared.entitiesRead));
          return shared;
        } catch (error) {
          if (!isLate || running.retriedPage !== retriedPage || !isOutOfRetries(error)) throw error;
          wasLate = true;
        }
      }
    }
    const scan = new RunningScan((start, audience, stop) => this.run(day, { ...request, ...audience }, start, stop));
    this.latest.set(day, scan);
    void scan.settled.then(() => {
      if (this.latest.get(day) === scan) this.latest.delete(day);
    });
    return scan.join({ ...request, onPage: startTelling() }, signal);
  }

  private async run(
    day: CalendarDay,
    { demand, claims, onPage, onCheckpoint, onScanned, onRetried }: DayScanRequest & ScanAudience,
    begun: (times: ScanTimes) => void,
    signal: AbortSignal,
  ): Promise<DaySet> {
    const { daySets } = this.ports;
    const meter = new ScanMeter();
    const { now, head, checkpoint } = await daySets.readStart(day, signal);
    const stored = head && isFresh(head, demand) ? await daySets.read(day, signal) : undefined;
    if (stored !== undefined && isFresh(stored, demand)) {
      begun(stored);
      onScanned?.(meter.read(DaySource.Stored, stored.entitiesRead));
      return stored;
    }
    const resumed = checkpoint && isFresh(checkpoint, demand) ? checkpoint : undefined;
    const { scannedAt, demandedAt } = resumed ?? { scannedAt: now, demandedAt: demand.createdAt };
    begun({ scannedAt, demandedAt });
    const onRetry: OnRetry = (code) => {
      meter.onRetry(code);
      onRetried();
    };
    const writer = tellOf(daySets.openCheckpoint(day, resumed), onCheckpoint);
    const start = { scannedAt, demandedAt, resumed, checkpoint: writer, claims, onRetry };
    const pages = meter.watch(this.ports.pages);
    try {
      const daySet = await scanDay(day, start, { ...this.ports, pages }, onPage, signal);
      if (await daySets.write(day, daySet)) onCheckpoint?.();
      onScanned?.(meter.read(resumed === undefined ? DaySource.Scanned : DaySource.Resumed, daySet.entitiesRead));
      return daySet;
    } catch (error) {
      onScanned?.(meter.read(DaySource.Interrupted, (resumed?.entitiesRead ?? 0) + meter.entities));
      throw error;
    }
  }
}

/** The retries of a page took all the time that they have; another scan has that time again. */
function isOutOfRetries(error: unknown): boolean {
  return error instanceof QueryFailedError && (error.code === 'TABLE_THROTTLED' || error.code === 'TABLE_UNREACHABLE');
}

/** One listener for each scan that a query waits for. Entities that several scans report are passed on once. */
function tellOnce(onPage: (entities: number) => void): () => (entities: number) => void {
  let told = 0;
  return () => {
    let read = 0;
    return (entities) => {
      read += entities;
      if (read <= told) return;
      onPage(read - told);
      told = read;
    };
  };
}

/** The same, which tells of each time that something was stored. */
function tellOf(writer: CheckpointWriter, onSaved: () => void): CheckpointWriter {
  return {
    save: async (...args) => {
      const isSaved = await writer.save(...args);
      if (isSaved) onSaved();
      return isSaved;
    },
    discard: () => writer.discard(),
  };
}

/** One scan and those who wait for it. */
class RunningScan {
  /** By the clock of the day sets; undefined when it ended before it could begin. */
  readonly times: Promise<ScanTimes | undefined>;
  /** When it has ended, however. */
  readonly settled: Promise<void>;
  private readonly result: Promise<DaySet>;
  private readonly listeners = new Set<ScanListener>();
  private readonly stop = new AbortController();
  private entitiesSoFar = 0;
  private pagesSoFar = 0;
  private isRetrying = false;

  constructor(run: (begun: (times: ScanTimes) => void, audience: ScanAudience, stop: AbortSignal) => Promise<DaySet>) {
    let begun: (times: ScanTimes | undefined) => void = () => {};
    this.times = new Promise((resolve) => (begun = resolve));
    const onPage = (entities: number) => {
      this.entitiesSoFar += entities;
      this.pagesSoFar += 1;
      this.isRetrying = false;
      for (const listener of this.listeners) listener.onPage(entities);
    };
    const onCheckpoint = () => {
      for (const listener of this.listeners) listener.onCheckpoint?.();
    };
    const onRetried = () => (this.isRetrying = true);
    this.result = run(begun, { onPage, onCheckpoint, onRetried, claims: this.listeners }, this.stop.signal);
    // A scan that ends before it begins is fresh for nobody: whoever waits to know begins one of their own.
    this.settled = this.result.then(
      () => {},
      () => begun(undefined),
    );
  }

  get isAbandoned(): boolean {
    return this.stop.signal.aborted;
  }

  /** The number of the page that is being retried, or was as the scan failed; undefined while none is. */
  get retriedPage(): number | undefined {
    return this.isRetrying ? this.pagesSoFar : undefined;
  }

  /** @throws What the scan throws, or the signal's reason: at once, or, for the last one, when the scan has stopped. */
  join(request: ScanListener, signal: AbortSignal): Promise<DaySet> {
    // A listener of its own for each, since two queries may be told by the same one.
    const listener = { ...request };
    this.listeners.add(listener);
    if (this.entitiesSoFar > 0) request.onPage(this.entitiesSoFar);
    return new Promise<DaySet>((resolve, reject) => {
      const leave = () => {
        this.listeners.delete(listener);
        if (this.listeners.size > 0) return reject(signal.reason as Error);
        this.stop.abort(signal.reason);
        // The checkpoint of the scan is stored before anyone else may think of going on with it.
        return this.result.then(resolve, () => reject(signal.reason as Error));
      };
      if (signal.aborted) return leave();
      signal.addEventListener('abort', leave, { once: true });
      return void this.result.then(resolve, reject).finally(() => {
        this.listeners.delete(listener);
        signal.removeEventListener('abort', leave);
      });
    });
  }
}

/** What the scan of one day takes: its pages and entities, the requests that were sent again, the time. */
class ScanMeter {
  entities = 0;
  private pages = 0;
  private retries = 0;
  private throttles = 0;
  private readonly startedAt = performance.now();

  readonly onRetry: OnRetry = (code) => {
    this.retries += 1;
    if (code === 'TABLE_THROTTLED') this.throttles += 1;
  };

  /** The same pages, counted. */
  watch(source: PageSource): PageSource {
    return {
      read: async (...args) => {
        const page = await source.read(...args);
        this.pages += 1;
        this.entities += page.identifiers.length + page.entitiesWithoutIdentifier;
        return page;
      },
    };
  }

  read(source: DaySource, entities: number): DayScanRecord {
    const { pages, retries, throttles } = this;
    const milliseconds = Math.round(performance.now() - this.startedAt);
    return { source, entities, pages, milliseconds, retries, throttles };
  }
}
