import type { CalendarDay } from '#shared/contract/calendar-day';
import type { QueryProgress } from '#shared/contract/query-document';

/** 100 is left to the outcome. */
const ALMOST_ALL_PERCENT = 99.9;

/** No remaining time is estimated before this fraction of the work is done. */
const ETA_FROM_FRACTION = 0.1;

/** The size of every day when no size is known; any number would do. */
const ASSUMED_ENTITIES = 1_000;

/**
 * Measures the progress of a run. A day weighs its number of entities, known from an earlier scan or estimated from the
 * known days, so `percent` follows the work and not the calendar. `percent` and `atLeast` never decrease, even if an
 * estimate was too low or another worker continues the query.
 */
export class ProgressMeter {
  private readonly weights = new Map<CalendarDay, number>();
  private readonly readOfDay = new Map<CalendarDay, number>();
  private totalWeight = 0;
  private doneWeight = 0;
  private doneWeightAtStart = 0;
  private entitiesDone = 0;
  private percent: number;
  private atLeast: number;
  private daysDone = 0;
  private daysReused = 0;
  private scanStartedAt: number;

  constructor(
    private readonly days: readonly CalendarDay[],
    knownSizes: ReadonlyMap<CalendarDay, number>,
    earlier: Partial<QueryProgress>,
    private readonly clock: () => number,
  ) {
    this.scanStartedAt = clock();
    this.percent = earlier.percent ?? 0;
    this.atLeast = earlier.atLeast ?? 0;
    const known = [...knownSizes.values()];
    const guess = known.length === 0 ? ASSUMED_ENTITIES : known.reduce((sum, size) => sum + size, 0) / known.length;
    for (const day of days) {
      // Plus one, because an empty day costs a request too.
      const weight = (knownSizes.get(day) ?? guess) + 1;
      this.weights.set(day, weight);
      this.totalWeight += weight;
    }
  }

  /** The weight by which the days are ordered, largest first. */
  weightOf(day: CalendarDay): number {
    return this.weights.get(day) ?? 0;
  }

  /** The day's share of all the work: 0 to 1. */
  shareOf(day: CalendarDay): number {
    return this.weightOf(day) / this.totalWeight;
  }

  pageRead(day: CalendarDay, entities: number): void {
    this.readOfDay.set(day, (this.readOfDay.get(day) ?? 0) + entities);
  }

  /** @param atLeast The size of the union that includes this day. */
  dayDone(day: CalendarDay, entities: number, reused: boolean, atLeast: number): void {
    this.readOfDay.delete(day);
    this.doneWeight += this.weightOf(day);
    this.entitiesDone += entities;
    this.daysDone += 1;
    if (reused) this.daysReused += 1;
    this.atLeast = Math.max(this.atLeast, atLeast);
  }

  /** Starts the time measurement. The days before came from day sets, which take almost no time. */
  startScanning(): void {
    this.doneWeightAtStart = this.doneWeight;
    this.scanStartedAt = this.clock();
  }

  read(): QueryProgress {
    let partial = 0;
    let entitiesInFlight = 0;
    for (const [day, entities] of this.readOfDay) {
      partial += Math.min(entities, this.weightOf(day));
      entitiesInFlight += entities;
    }
    const done = this.doneWeight + partial;
    const percent = Math.min(ALMOST_ALL_PERCENT, Math.floor((done / this.totalWeight) * 1_000) / 10);
    this.percent = Math.max(this.percent, percent);
    return {
      percent: this.percent,
      daysTotal: this.days.length,
      daysDone: this.daysDone,
      daysReused: this.daysReused,
      entitiesRead: this.entitiesDone + entitiesInFlight,
      etaSeconds: this.estimateEtaSeconds(done),
      atLeast: this.atLeast,
    };
  }

  /** The progress of a completed query. */
  readComplete(count: number): QueryProgress {
    return { ...this.read(), percent: 100, etaSeconds: 0, atLeast: count };
  }

  private estimateEtaSeconds(done: number): number | null {
    const scanned = done - this.doneWeightAtStart;
    const toScan = this.totalWeight - this.doneWeightAtStart;
    if (scanned <= 0 || scanned < ETA_FROM_FRACTION * toScan) return null;
    const elapsedMs = this.clock() - this.scanStartedAt;
    return Math.ceil(((elapsedMs / scanned) * (toScan - scanned)) / 1_000);
  }
}
