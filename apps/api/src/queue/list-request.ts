import { Transform } from 'class-transformer';
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

export const LARGEST_PAGE = 100;
export const DEFAULT_PAGE = 20;
/** The time of creation and the id of the last query on the page before. */
export const PAGE_TOKEN = /^\d{1,15}-[0-9a-f]{32}$/;

const STATUS_RULE = `status must be one of ${Object.values(QueryStatus).join(', ')}`;
const PAGE_RULE = `pageSize must be a whole number from 1 to ${LARGEST_PAGE}`;

/** A blank before the offset is a `+` that the client did not encode in the URL. */
const TIME = /^(\d{4}-\d\d-\d\d)(?:T(\d\d:\d\d(?::\d\d(?:\.\d+)?)?)(Z|[+ -]\d\d:?\d\d)?)?$/i;

/** Date.parse accepts 30 February as 2 March. */
function isDay(text: string): boolean {
  const time = Date.parse(text);
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(text);
}

/** Returns the time, with any number of fractional digits (RFC 3339), or what is wrong with the text. */
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

  // Number alone accepts 1e1 and 0x5.
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
