import type { ValidationError } from 'class-validator';
import { countDays } from '#shared/contract/calendar-day';
import { QueryRequest, RANGE_RULE } from '#shared/contract/query-request';
import { ProblemError } from '../../http/problem-error';
import { toMembers, validateMembers } from '../../queue/list-request';

/**
 * The body of a submission as a request.
 *
 * @throws ProblemError BODY_MISSING, REQUEST_INVALID (naming every wrong member at once), QUERY_RANGE_INVALID
 *   or QUERY_RANGE_TOO_LONG.
 */
export function parseQueryRequest(body: unknown, maxRangeDays: number): QueryRequest {
  if (body === undefined) throw new ProblemError('BODY_MISSING');
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new ProblemError('REQUEST_INVALID', { detail: 'The body must be a JSON object with start and end.' });
  }
  const request = toMembers(QueryRequest, body);
  const problems = validateMembers(request, body);
  if (problems.length > 0) throw toProblem(problems);
  checkRangeLength(request, maxRangeDays);
  return request;
}

/** @throws ProblemError QUERY_RANGE_TOO_LONG */
export function checkRangeLength({ start, end }: Pick<QueryRequest, 'start' | 'end'>, maxRangeDays: number): void {
  const days = countDays(start, end);
  if (days <= maxRangeDays) return;
  const detail = `The range has ${days} days; ask for at most ${maxRangeDays} at once.`;
  throw new ProblemError('QUERY_RANGE_TOO_LONG', { detail });
}

function toProblem(problems: ValidationError[]): ProblemError {
  const isRangeAlone = problems.every(({ constraints = {} }) => Object.keys(constraints).join() === RANGE_RULE);
  const detail = `${problems.map(describe).join('; ')}.`;
  return new ProblemError(isRangeAlone ? 'QUERY_RANGE_INVALID' : 'REQUEST_INVALID', { detail });
}

function describe({ property, constraints = {} }: ValidationError): string {
  if (constraints['whitelistValidation']) return `${property} is not a member of the request`;
  return Object.values(constraints)[0] ?? `${property} is not valid`;
}
