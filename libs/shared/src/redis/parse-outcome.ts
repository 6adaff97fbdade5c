import { countDays } from '../contract/calendar-day';
import { describeError, FAILURE_CODES } from '../contract/error-codes';
import { type QueryOutcome, type QueryResult, toKnownProgress } from '../contract/query-document';
import { isTerminal } from '../contract/query-status';

/**
 * Reads an outcome, which a process of another version may have written: members that only it knows are left out, since
 * callers are promised none, and a code that came later is QUERY_FAILED.
 *
 * @throws SyntaxError, TypeError or RangeError where it is none.
 */
export function parseOutcome(text: string): QueryOutcome {
  const { status, caller, request, createdAt, finishedAt, expiresAt, ...written } = JSON.parse(text) as QueryOutcome;
  const { startedAt = null, progress, result, error } = written as Partial<typeof written>;
  if (!isTerminal(status) || typeof caller !== 'string') throw new TypeError('not an outcome');
  // The documents have them as dates.
  for (const time of [createdAt, finishedAt, expiresAt, startedAt ?? 0]) new Date(time).toISOString();
  return {
    ...{ status, caller, request, createdAt, startedAt, finishedAt, expiresAt },
    progress: toKnownProgress(countDays(request.start, request.end) || 0, progress ?? {}),
    result: result ? toKnownResult(result) : null,
    error: error ? toKnownFailure(error) : null,
  };
}

function toKnownResult(result: QueryResult): QueryResult {
  const { count, entitiesRead, entitiesWithoutIdentifier, daysScanned, daysReused, oldestScanAt } = result;
  return { count, entitiesRead, entitiesWithoutIdentifier, daysScanned, daysReused, oldestScanAt };
}

function toKnownFailure({ code, message }: NonNullable<QueryOutcome['error']>): QueryOutcome['error'] {
  if (FAILURE_CODES.includes(code)) return { code, message };
  return { code: 'QUERY_FAILED', message: describeError('QUERY_FAILED') };
}
