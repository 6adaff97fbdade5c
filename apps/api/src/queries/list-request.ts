import { plainToInstance, Transform } from 'class-transformer';
import {
  IsDate,
  IsIn,
  IsInt,
  IsOptional,
  IsString,
  Matches,
  Max,
  Min,
  type ValidationArguments,
} from 'class-validator';
import { QueryStatus } from '#shared/contract/query-status';
import { ProblemError } from '../errors/problem-error';
import { validateMembers } from './validate-members';

export const LARGEST_PAGE = 100;
export const DEFAULT_PAGE = 20;
export const PAGE_TOKEN = /^\d{1,15}-[0-9a-f]{32}$/;

const STATUS_RULE = `status must be one of ${Object.values(QueryStatus).join(', ')}`;
const PAGE_RULE = `pageSize must be a whole number from 1 to ${LARGEST_PAGE}`;

/** A blank before the offset is a `+` that the client did not encode in the address. */
const TIME = /^(\d{4}-\d\d-\d\d)(?:T(\d\d:\d\d(?::\d\d(?:\.\d+)?)?)(Z|[+ -]\d\d:?\d\d)?)?$/i;

/** A Date would take 30 February for 2 March. */
function isDay(text: string): boolean {
  const time = Date.parse(text);
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(text);
}

/** The time that a text gives, with any number of fractional digits (RFC 3339); else what is wrong with it. */
export function readTime(value: unknown): Date | string {
  const [, day = '', clock, zone] = (typeof value === 'string' && TIME.exec(value)) || [];
  if (day === '') return 'must be a time such as 2021-10-10T08:30:00Z, or a day';
  if (!isDay(day)) return 'names a day that does not exist';
  if (clock === undefined) return new Date(day);
  if (zone === undefined)
    return 'needs a zone behind its time: Z, or an offset such as +01:00 (in an address %2B01:00)';
  const time = new Date(`${day}T${clock}${zone.replace(' ', '+').toUpperCase()}`);
  return Number.isNaN(time.getTime()) ? 'names a time that does not exist' : time;
}

/** A time as ISO 8601 with its zone, or a day, which begins at midnight UTC. */
export function Time(name: string): PropertyDecorator {
  const toDate = ({ value }: { value: unknown }) => {
    const time = readTime(value);
    return time instanceof Date ? time : value;
  };
  const message = ({ value }: ValidationArguments) => `${name} ${String(readTime(value))}`;
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
  @Matches(PAGE_TOKEN, { message: 'pageToken must be one that a page of this list gave' })
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
