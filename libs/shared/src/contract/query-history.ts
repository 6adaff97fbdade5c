import type { CalendarDay } from './calendar-day';
import type { AnyErrorCode } from './error-codes';

/** How a query came by a day. */
export const DaySource = {
  /** From a day set that was read before the query was submitted, as `maxAgeSeconds` allows. */
  Reused: 'reused',
  /** From a day set that another run, or another query, has stored since. */
  Stored: 'stored',
  /** From a scan of the same process that was under way for another query. */
  Shared: 'shared',
  /** Read from its start. */
  Scanned: 'scanned',
  /** Read on from where an earlier scan was stopped. */
  Resumed: 'resumed',
  /** Read in part: the run ended first. What was read is kept for the next one. */
  Interrupted: 'interrupted',
} as const;
export type DaySource = (typeof DaySource)[keyof typeof DaySource];

/** What it took to get one day; zeros where nothing was read. */
export interface DayEffort {
  pages: number;
  milliseconds: number;
  /** Requests that were sent again, throttled ones included. */
  retries: number;
  /** Of `retries`, those after the table said that it was busy. */
  throttles: number;
}

/** How a run came by a day, and what it took. */
export interface DayScanRecord extends DayEffort {
  source: DaySource;
  /** Those of the whole day, whichever run read them; of an interrupted scan, those read by then. */
  entities: number;
}

/** One day of a run. */
export interface DayRecord extends DayScanRecord {
  day: CalendarDay;
}

/** How a run can end. `GivenBack`: its worker shut down; `Stopped`: its query had ended. */
export type AttemptEnd = 'Completed' | 'Failed' | 'GivenBack' | 'Stopped';

/** What operators can do to a query that makes another of it. */
export type SuccessionKind = 'restarted' | 'rewound';

/** By whose word a query was terminated: an operator's, or its own caller's. */
export type Terminator = { operator: string; reason?: string } | { caller: string };

/**
 * `at` is milliseconds since 1970 by Redis' clock; `worker` the id of a worker process; `operator` and `caller` the subject
 * of a credential, as in the log.
 */
export type HistoryEvent =
  | { kind: 'attempt-begun'; at: number; worker: string }
  | { kind: 'attempt-ended'; at: number; worker: string; end: AttemptEnd; code?: AnyErrorCode | 'LOCK_LOST' }
  | ({ kind: 'day'; at: number; worker: string } & DayRecord)
  | ({ kind: 'terminated'; at: number } & Terminator)
  | { kind: SuccessionKind; at: number; operator: string; successor: string };

/** `dropped`: how many events were left out, since there is a bound. */
export interface QueryHistory {
  events: HistoryEvent[];
  dropped: number;
}
