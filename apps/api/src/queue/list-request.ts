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
  validateSync,
  ValidationError,
} from 'class-validator';
import { QueryStatus } from '#shared/contract/query-status';
import { ProblemError } from '../http/problem-error';

export const LARGEST_PAGE = 100;
const DEFAULT_PAGE = 20;

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

/**
 * The members of a request as an instance of its class. Not class-transformer's: it would descend into whatever is sent
 * until the stack is full, and takes a third of the time of a validation. Names that every object has are left out, for
 * `constructor` would make an instance of something else. `null` for a member that has a default is the same as leaving
 * it out: serializers write it for "not set".
 */
export function toMembers<T extends object>(type: new () => T, given: object): T {
  const members = new type();
  const isLeftOut = (name: string, value: unknown) => value === null && members[name as keyof T] !== undefined;
  const own = Object.entries(given).filter(([name, value]) => !(name in Object.prototype) && !isLeftOut(name, value));
  return Object.assign(members, Object.fromEntries(own));
}

/**
 * What the rules of its class have against the members of a request. Members that it has not are among that, those too
 * that class-validator would pass over because every object has one of that name.
 *
 * @param given What was sent.
 */
export function validateMembers(members: object, given: object): ValidationError[] {
  const problems = validateSync(members, { whitelist: true, forbidNonWhitelisted: true });
  for (const property of Object.keys(given).filter((name) => name in Object.prototype)) {
    const constraints = { whitelistValidation: `property ${property} should not exist` };
    problems.push(Object.assign(new ValidationError(), { property, constraints }));
  }
  return problems;
}
