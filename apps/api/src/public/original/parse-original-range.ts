import { countDays, type CalendarDay } from '#shared/contract/calendar-day';
import { readOriginalDate } from './original-date';
import { QueryRequest } from '#shared/contract/query-request';
import { ProblemError } from '../../http/problem-error';
import { checkRangeLength } from '../queries/parse-query-request';

/**
 * The original's parameters as a request, checked in the original's order with its texts. A parameter that
 * is given twice arrives as an array and is a bad format.
 *
 * @throws ProblemError REQUEST_INVALID, QUERY_RANGE_INVALID or QUERY_RANGE_TOO_LONG
 */
export function parseOriginalRange(s: unknown, e: unknown, currentYear: number, maxRangeDays: number): QueryRequest {
  const start = parseDate(s, 'start', currentYear);
  const end = parseDate(e, 'end', currentYear);
  // The original wants at least one whole day between the two, unlike the new route.
  if (countDays(start, end) < 2) throw new ProblemError('QUERY_RANGE_INVALID', { detail: 'Invalid date range.' });
  const request = Object.assign(new QueryRequest(), { start, end });
  checkRangeLength(request, maxRangeDays);
  return request;
}

function parseDate(value: unknown, name: 'start' | 'end', currentYear: number): CalendarDay {
  if (value === undefined || value === '') throw new ProblemError('REQUEST_INVALID', { detail: `Empty ${name} date.` });
  const day = typeof value === 'string' ? readOriginalDate(value, currentYear) : undefined;
  if (day === undefined) throw new ProblemError('REQUEST_INVALID', { detail: `Invalid ${name} date format.` });
  return day;
}
