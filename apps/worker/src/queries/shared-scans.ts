import type { CalendarDay } from '#shared/contract/calendar-day';
import { type CheckpointWriter, type DaySet, type DaySets, isFresh, type ScanTimes } from '#shared/contract/day-set';
import { QueryFailedError } from '#shared/contract/query-failed-error';
import { type DayScanRecord, DaySource } from '#shared/contract/query-history';
import { orAborted } from '#shared/process/retry';
import { type OnRetry, type PageSource, scanDay, type SlotClaim } from './day-scan';
import type { IdentifierHash } from './identifier-hash';
import type { DayScanRequest } from './run-query';

export interface DayScanPorts {
  daySets: DaySets;
  pages: PageSource;
  hash: IdentifierHash;
}

/** A query that waits for a scan: its callbacks, and its claim to page slots. */
type ScanListener = Pick<DayScanRequest, 'onPage' | 'onCheckpoint' | keyof SlotClaim>;

/** The callbacks and claims of all queries that wait for a scan; queries join and leave while it runs. */
interface ScanAudience extends Required<Pick<DayScanRequest, 'onPage' | 'onCheckpoint'>> {
  claims: Iterable<SlotClaim>;
  /** Called before the page after the last one is requested again. */
  onRetried: () => void;
}

/**
 * The scans of a process. A query joins a running scan of its day if the scan is fresh enough, so that no day is read
 * twice. A scan runs for as long as a query waits for it.
 */
export class SharedScans {
  private readonly latest = new Map<CalendarDay, RunningScan>();

  constructor(private readonly ports: DayScanPorts) {}

  /**
   * Returns a day set that is fresh for the query, and stored: one that another process has stored meanwhile, or that of a
   * scan, which resumes from a checkpoint if that is fresh too.
   *
   * A query that joined a scan during the retries of a page does not fail when these retries run out, because it had only
   * a part of them: it starts another scan, once.
   *
   * @throws As `scanDay` does.
   */
  async scan(day: CalendarDay, request: DayScanRequest, signal: AbortSignal): Promise<DaySet> {
    const { demand } = request;
    const meter = new ScanMeter();
    const listenAgain = reportOnce(request.onPage);
    let wasLate = false;
    for (let seen: RunningScan | undefined; ;) {
      signal.throwIfAborted();
      const running = this.latest.get(day);
      if (running === undefined || running === seen) break;
      seen = running;
      if (running.isAbandoned) {
        // It is still storing its checkpoint, from which the next scan resumes.
        await orAborted(running.settled, signal);
        continue;
      }
      const times = await orAborted(running.times, signal);
      const { retriedPage } = running;
      const isLate = retriedPage !== undefined;
      const isUsable = times !== undefined && isFresh(times, demand) && !running.isAbandoned;
      if (isUsable && !(wasLate && isLate)) {
        try {
          const shared = await running.join({ ...request, onPage: listenAgain() }, signal);
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
    return scan.join({ ...request, onPage: listenAgain() }, signal);
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
    const writer = withOnSaved(daySets.openCheckpoint(day, resumed), onCheckpoint);
    const start = { scannedAt, demandedAt, resumed, checkpoint: writer, claims, onRetry };
    const pages = meter.count(this.ports.pages);
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

/** Whether the retries of a page ran out of time; another scan has that time again. */
function isOutOfRetries(error: unknown): boolean {
  return error instanceof QueryFailedError && (error.code === 'TABLE_THROTTLED' || error.code === 'TABLE_UNREACHABLE');
}

/** Creates a listener for each scan that a query waits for. Entities that several scans report are passed on once. */
function reportOnce(onPage: (entities: number) => void): () => (entities: number) => void {
  let reported = 0;
  return () => {
    let read = 0;
    return (entities) => {
      read += entities;
      if (read <= reported) return;
      onPage(read - reported);
      reported = read;
    };
  };
}

/** Returns a writer that also calls `onSaved` after each checkpoint that was stored. */
function withOnSaved(writer: CheckpointWriter, onSaved: () => void): CheckpointWriter {
  return {
    save: async (...args) => {
      const isSaved = await writer.save(...args);
      if (isSaved) onSaved();
      return isSaved;
    },
    discard: () => writer.discard(),
  };
}

/**
 * A scan and the queries that wait for it.
 *
 * | state | entered when | left by |
 * |---|---|---|
 * | starting | the first query | `times` is known, or the scan fails |
 * | running | `times` is known | the scan ends, or the last query leaves |
 * | abandoned | the last query leaves: it stores a checkpoint | the scan has stopped |
 * | settled | the scan has ended | |
 */
class RunningScan {
  /** By the clock of the day sets; undefined when the scan failed before it read a page. */
  readonly times: Promise<ScanTimes | undefined>;
  /** Resolves when the scan has ended, with or without an error. */
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
    // A scan that fails before it knows its times is fresh for no query: each waiting query starts its own.
    this.settled = this.result.then(
      () => {},
      () => begun(undefined),
    );
  }

  get isAbandoned(): boolean {
    return this.stop.signal.aborted;
  }

  /** The number of the page that is being retried, or was when the scan failed; undefined if none is. */
  get retriedPage(): number | undefined {
    return this.isRetrying ? this.pagesSoFar : undefined;
  }

  /** @throws The scan's error, or the signal's reason: at once; for the last query when the scan has stopped. */
  join(request: ScanListener, signal: AbortSignal): Promise<DaySet> {
    // A copy, because two queries may pass the same object.
    const listener = { ...request };
    this.listeners.add(listener);
    if (this.entitiesSoFar > 0) request.onPage(this.entitiesSoFar);
    return new Promise<DaySet>((resolve, reject) => {
      const leave = () => {
        this.listeners.delete(listener);
        if (this.listeners.size > 0) return reject(signal.reason as Error);
        this.stop.abort(signal.reason);
        // Rejects after the checkpoint is stored, so that another scan can resume from it.
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

/** Measures a scan: its pages, entities, retries and time. */
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

  /** Returns the same source, counted. */
  count(source: PageSource): PageSource {
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
