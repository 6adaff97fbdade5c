import { plainToInstance, Transform } from 'class-transformer';
import { IsDate, IsIn, IsInt, IsOptional, IsString, Matches, Max, Min } from 'class-validator';
import { QueryStatus } from '#shared/contract/query-status';
import { ProblemError } from '../errors/problem-error';
import { validateMembers } from './validate-members';

export const LARGEST_PAGE = 100;
const DEFAULT_PAGE = 20;

const STATUS_RULE = `status must be one of ${Object.values(QueryStatus).join(', ')}`;
const PAGE_RULE = `pageSize must be a whole number from 1 to ${LARGEST_PAGE}`;
const TIME = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d))?$/;

const DAY_LENGTH = '2021-10-10'.length;

/** A Date would take 30 February for 2 March. */
function isDay(text: string): boolean {
  const time = Date.parse(text);
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(text);
}

/** A time as ISO 8601 with its zone, or a day, which begins at midnight UTC. */
export function Time(name: string): PropertyDecorator {
  const message = `${name} must be a time such as 2021-10-10T08:30:00Z, or a day`;
  const toDate = ({ value }: { value: unknown }) =>
    typeof value === 'string' && TIME.test(value) && isDay(value.slice(0, DAY_LENGTH)) ? new Date(value) : value;
  return (target, member) => {
    Transform(toDate)(target, member);
    IsOptional()(target, member);
    IsDate({ message })(target, member);
  };
}

/** The parameters of a list of queries. */
export class ListRequest {
  @IsOptional()
  @IsIn(Object.values(QueryStatus), { message: STATUS_RULE })
  status?: QueryStatus;

  /** Inclusive. */
  @Time('createdAfter')
  createdAfter?: Date;

  /** Inclusive. */
  @Time('createdBefore')
  createdBefore?: Date;

  // Number alone takes 1e1 and 0x5 as well.
  @Transform(({ value }: { value: unknown }) => (/^\d+$/.test(String(value)) ? Number(value) : value))
  @IsInt({ message: PAGE_RULE })
  @Min(1, { message: PAGE_RULE })
  @Max(LARGEST_PAGE, { message: PAGE_RULE })
  pageSize: number = DEFAULT_PAGE;

  @IsOptional()
  @IsString({ message: 'pageToken must be given once' })
  @Matches(/^\d{1,15}-[0-9a-f]{32}$/, { message: 'pageToken must be one that a page of this list gave' })
  pageToken?: string;
}

/** @throws ProblemError REQUEST_INVALID, naming every wrong parameter at once. */
export function parseParameters<T extends object>(type: new () => T, query: object): T {
  const request = plainToInstance(type, query);
  const problems = validateMembers(request, query);
  if (problems.length === 0) return request;
  const rules = problems.map(({ property, constraints = {} }) =>
    constraints['whitelistValidation'] ? `${property} is not a parameter of this route` : Object.values(constraints)[0],
  );
  throw new ProblemError('REQUEST_INVALID', { detail: `${rules.join('; ')}.` });
}
