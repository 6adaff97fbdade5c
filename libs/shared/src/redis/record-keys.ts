import type { CalendarDay } from '../contract/calendar-day';
import { QUERY_QUEUE } from '../contract/query-job';
import type { QueryStatus } from '../contract/query-status';

/** The names of everything that the service keeps in Redis. All begin with one hash tag. */
export class RecordKeys {
  constructor(readonly prefix: string) {}

  /** What the names of all that BullMQ keeps begin with. */
  get queue(): string {
    return `${this.prefix}:${QUERY_QUEUE}`;
  }

  /** The hash that BullMQ keeps for the job of a query. */
  job(id: string): string {
    return `${this.queue}:${id}`;
  }

  /** Held by the worker that runs the job, with its token as value. */
  jobLock(id: string): string {
    return `${this.job(id)}:lock`;
  }

  outcome(id: string): string {
    return `${this.prefix}:outcome:${id}`;
  }

  /** The queries of one status: those that live by when they got it, those that have ended by when they expire. */
  queriesOf(status: QueryStatus): string {
    return `${this.prefix}:status:${status}`;
  }

  /** How many queries have ended, by status and code. */
  get endedCounts(): string {
    return `${this.prefix}:ended`;
  }

  /** The caller's queries that have not ended, by time; and all that are kept. */
  liveQueries(caller: string): string {
    return `${this.prefix}:live:${encodeURIComponent(caller)}`;
  }

  callerQueries(caller: string): string {
    return `${this.prefix}:queries-of:${encodeURIComponent(caller)}`;
  }

  /** The queries of all callers, by time. Not under the name of the queue, which is BullMQ's. */
  get allQueries(): string {
    return `${this.prefix}:all-queries`;
  }

  /** What has happened to a query, and how much of it was left out. */
  history(id: string): { events: string; dropped: string } {
    const events = `${this.prefix}:history:${id}`;
    return { events, dropped: `${events}:dropped` };
  }

  /** What operators have changed. */
  get audit(): string {
    return `${this.prefix}:audit`;
  }

  /** What operators have read, or the failed logins. */
  accesses(stream: string): string {
    return `${this.audit}:${stream}`;
  }

  /** The workers by the time of their last beat, and what each says of itself. */
  get workers(): string {
    return `${this.prefix}:workers`;
  }

  worker(id: string): string {
    return `${this.prefix}:worker:${id}`;
  }

  /** Counts the requests of one kind that concern a subject. */
  rateWindow(name: string, subject: readonly string[]): string {
    return `${this.prefix}:limit:${name}:${subject.map(encodeURIComponent).join(':')}`;
  }

  /**
   * The channel on which the id of every query is told whose records have changed; when it has ended, a blank and the
   * outcome follow, so that nobody who waits has to read it.
   */
  get changes(): string {
    return `${this.prefix}:changes`;
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
