import type { CalendarDay } from '../contract/calendar-day';
import { QUERY_QUEUE } from '../contract/query-job';
import type { QueryStatus } from '../contract/query-status';

/** The names of all keys of the service in Redis. All begin with one hash tag. */
export class RecordKeys {
  constructor(readonly prefix: string) {}

  /** The prefix of all keys of BullMQ. */
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

  /** The queries of one status: live ones by when they entered it, ended ones by when they expire. */
  queriesOf(status: QueryStatus): string {
    return `${this.prefix}:status:${status}`;
  }

  /** How many queries have ended, by status and code. */
  get endedCounts(): string {
    return `${this.prefix}:ended`;
  }

  /** The caller's live queries, by time. */
  liveQueries(caller: string): string {
    return `${this.prefix}:live:${encodeURIComponent(caller)}`;
  }

  callerQueries(caller: string): string {
    return `${this.prefix}:queries-of:${encodeURIComponent(caller)}`;
  }

  /** The queries of all callers, by time. Not below the name of the queue, which is BullMQ's. */
  get allQueries(): string {
    return `${this.prefix}:all-queries`;
  }

  /** The history of a query, and the number of dropped events. */
  history(id: string): { events: string; dropped: string } {
    const events = `${this.prefix}:history:${id}`;
    return { events, dropped: `${events}:dropped` };
  }

  /** The changes by operators. */
  get audit(): string {
    return `${this.prefix}:audit`;
  }

  /** The reads by operators, or the failed logins. */
  accesses(stream: string): string {
    return `${this.audit}:${stream}`;
  }

  /** The workers by the time of their last beat. */
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
   * The channel of changes. A message is the id of a query whose records have changed; when it has ended, a blank and the
   * outcome follow, so that waiting requests need not read it.
   */
  get changes(): string {
    return `${this.prefix}:changes`;
  }

  daySet(tableFingerprint: string, day: CalendarDay): string {
    return `${this.prefix}:day:${tableFingerprint}:${day}`;
  }

  /** The position of the scan of a day, and its identifiers so far. */
  checkpoint(tableFingerprint: string, day: CalendarDay): { position: string; identifiers: string } {
    const position = `${this.prefix}:checkpoint:${tableFingerprint}:${day}`;
    return { position, identifiers: `${position}:identifiers` };
  }
}
