import { Injectable, type PipeTransform } from '@nestjs/common';
import type { ValidationError } from 'class-validator';
import { ApiConfig } from '#shared/config/api-config';
import { countDays } from '#shared/contract/calendar-day';
import { QueryRequest, RANGE_RULE } from '#shared/contract/query-request';
import { validateMembers } from '../../http/parameters.pipe';
import { ProblemError } from '../../http/problem-error';

/** Turns the body of a submission into a request. */
@Injectable()
export class QueryRequestPipe implements PipeTransform<unknown, QueryRequest> {
  constructor(private readonly config: ApiConfig) {}

  /**
   * @throws ProblemError BODY_MISSING, REQUEST_INVALID (which names every wrong member), QUERY_RANGE_INVALID or
   *   QUERY_RANGE_TOO_LONG.
   */
  transform(body: unknown): QueryRequest {
    if (body === undefined) throw new ProblemError('BODY_MISSING');
    if (typeof body !== 'object' || body === null || Array.isArray(body)) {
      throw new ProblemError('REQUEST_INVALID', { detail: 'The body must be a JSON object with start and end.' });
    }
    const request = toRequest(body);
    const problems = validateMembers(request, body);
    if (problems.length > 0) throw toProblem(problems);
    checkRangeLength(request, this.config.maxRangeDays);
    return request;
  }
}

/**
 * Not by class-transformer, which descends into deep input until the stack overflows. Members that `Object.prototype` has
 * are left out: `constructor` would make an instance of something else. `null` for a member with a default counts as
 * absent, since serializers write it for "not set".
 */
function toRequest(body: object): QueryRequest {
  const request = new QueryRequest();
  const isLeftOut = (name: string, value: unknown) =>
    name in Object.prototype || (value === null && request[name as keyof QueryRequest] !== undefined);
  const own = Object.entries(body).filter(([name, value]) => !isLeftOut(name, value));
  return Object.assign(request, Object.fromEntries(own));
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
