import { ApiProperty, ApiSchema } from '@nestjs/swagger';
import { FAILURE_CODES, type FailureCode } from './error-codes';
import { count, time } from './json-schema';
import type { QueryRequest } from './query-request';
import type { QueryStatus, TerminalStatus } from './query-status';

/** How far a query is. `percent` and `atLeast` never decrease while it runs. */
@ApiSchema({ description: 'How far the query is.' })
export class QueryProgress {
  /** With one decimal. */
  @ApiProperty({ type: 'number', minimum: 0, maximum: 100, description: 'Never decreases.' })
  percent!: number;

  @ApiProperty(count('The days of the range.'))
  daysTotal!: number;

  @ApiProperty(count('The days that are read or reused.'))
  daysDone!: number;

  @ApiProperty(count('Of `daysDone`, those that were read before the query was submitted.'))
  daysReused!: number;

  @ApiProperty(count('Read so far.'))
  entitiesRead!: number;

  @ApiProperty({ ...count('About how long the query still takes; null until it is known.'), nullable: true })
  etaSeconds!: number | null;

  @ApiProperty(count('A lower bound of the final count. Never decreases.'))
  atLeast!: number;
}

/** The answer to a query. */
@ApiSchema({ description: 'The answer.' })
export class QueryResult {
  @ApiProperty(count('The distinct identification numbers; exact.'))
  count!: number;

  @ApiProperty(count('The entities behind the count.'))
  entitiesRead!: number;

  @ApiProperty(count('Entities with a certificate and without an identification number; they are not counted.'))
  entitiesWithoutIdentifier!: number;

  @ApiProperty(count('The days that were read for this query.'))
  daysScanned!: number;

  @ApiProperty(count('The days that were read before it.'))
  daysReused!: number;

  @ApiProperty(time('When the oldest of the readings behind the count began.'))
  oldestScanAt!: string;
}

@ApiSchema({ description: 'Why the query has no result.' })
export class QueryFailure {
  @ApiProperty({ enum: FAILURE_CODES, enumName: 'FailureCode' })
  code!: FailureCode;

  @ApiProperty({ type: 'string', pattern: '^.+$', maxLength: 500, description: 'For people.' })
  message!: string;
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

/** The progress of a query that no worker has started. */
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
