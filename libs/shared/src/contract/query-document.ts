import type { FailureCode } from './error-codes';
import type { QueryRequest } from './query-request';
import type { QueryStatus, TerminalStatus } from './query-status';

/** How far a query is. `percent` and `atLeast` never decrease while it runs. */
export interface QueryProgress {
  /** 0 to 100, with one decimal. */
  percent: number;
  daysTotal: number;
  daysDone: number;
  /** Of `daysDone`, those that were scanned before the query was submitted (see `maxAgeSeconds`). */
  daysReused: number;
  entitiesRead: number;
  /** Null until enough is known to tell. */
  etaSeconds: number | null;
  /** A lower bound of the final count, from the days that are done. */
  atLeast: number;
}

/** The answer to a query. */
export interface QueryResult {
  count: number;
  entitiesRead: number;
  /** Entities with a certificate but without an identification number: nobody, so not counted. */
  entitiesWithoutIdentifier: number;
  daysScanned: number;
  daysReused: number;
  /** ISO time at which the oldest of the scans behind the answer began. */
  oldestScanAt: string;
}

interface QueryFailure {
  code: FailureCode;
  message: string;
}

/**
 * The terminal facts of a query, written once and never changed. Times are milliseconds since 1970 by
 * Redis' clock.
 */
export interface QueryOutcome {
  status: TerminalStatus;
  caller: string;
  request: QueryRequest;
  createdAt: number;
  startedAt: number | null;
  finishedAt: number;
  expiresAt: number;
  progress: QueryProgress;
  result: QueryResult | null;
  error: QueryFailure | null;
}

/** A query as its records tell it, whether it has ended or not. Times as in {@link QueryOutcome}. */
export interface QueryState extends Omit<QueryOutcome, 'status' | 'finishedAt' | 'expiresAt'> {
  id: string;
  status: QueryStatus;
  finishedAt: number | null;
  expiresAt: number | null;
}

/** The progress of a query that nobody has begun. */
export function noProgress(daysTotal: number): QueryProgress {
  return { percent: 0, daysTotal, daysDone: 0, daysReused: 0, entitiesRead: 0, etaSeconds: null, atLeast: 0 };
}

/**
 * What this version knows of progress that another may have written, as one does while processes are replaced: what it
 * does not tell is as at the beginning, and what only it knows is left out.
 */
export function toKnownProgress(daysTotal: number, written: Partial<QueryProgress>): QueryProgress {
  const { percent, daysDone, daysReused, entitiesRead, etaSeconds, atLeast } = noProgress(daysTotal);
  return {
    percent: written.percent ?? percent,
    daysTotal: written.daysTotal ?? daysTotal,
    daysDone: written.daysDone ?? daysDone,
    daysReused: written.daysReused ?? daysReused,
    entitiesRead: written.entitiesRead ?? entitiesRead,
    etaSeconds: written.etaSeconds ?? etaSeconds,
    atLeast: written.atLeast ?? atLeast,
  };
}
