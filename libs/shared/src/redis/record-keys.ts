import type { CalendarDay } from '../contract/calendar-day';
import { QUERY_QUEUE } from '../contract/query-job';

/** The names of everything that the service keeps in Redis. All begin with one hash tag. */
export class RecordKeys {
  constructor(readonly prefix: string) {}

  /** The hash that BullMQ keeps for the job of a query. */
  job(id: string): string {
    return `${this.prefix}:${QUERY_QUEUE}:${id}`;
  }

  /** Held by the worker that runs the job, with its token as value. */
  jobLock(id: string): string {
    return `${this.job(id)}:lock`;
  }

  outcome(id: string): string {
    return `${this.prefix}:outcome:${id}`;
  }

  daySet(tableFingerprint: string, day: CalendarDay): string {
    return `${this.prefix}:day:${tableFingerprint}:${day}`;
  }

  /** How far the scan of a day is, and the identifiers that it has found. */
  checkpoint(tableFingerprint: string, day: CalendarDay): { position: string; identifiers: string } {
    const position = `${this.prefix}:checkpoint:${tableFingerprint}:${day}`;
    return { position, identifiers: `${position}:identifiers` };
  }
}
