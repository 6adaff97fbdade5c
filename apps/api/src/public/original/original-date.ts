import { toCalendarDay, type CalendarDay } from '#shared/contract/calendar-day';

/** A date with its weekday, a time and a zone, all in full, has some 50 characters. */
const MAX_LENGTH = 64;

const WEEKDAYS = 'mon|monday|tue|tuesday|wed|wednesday|thu|thursday|fri|friday|sat|saturday|sun|sunday';
const MONTHS = [
  'jan|january',
  'feb|february',
  'mar|march',
  'apr|april',
  'may',
  'jun|june',
  'jul|july',
  'aug|august',
  'sep|sept|september',
  'oct|october',
  'nov|november',
  'dec|december',
];
const MONTH_BY_NAME = new Map(MONTHS.flatMap((names, i) => names.split('|').map((name) => [name, i + 1] as const)));

const HOUR = String.raw`(?:[01]?\d|2[0-3])`;
const HOUR_OF_12 = String.raw`(?:0?\d|1[0-2])`;
const SIXTIETH = String.raw`[0-5]\d`;
const FRACTION = String.raw`(?:[.,]\d+)?`;
const MINUTES = `:${SIXTIETH}(?::${SIXTIETH}${FRACTION})?`;
const AM_PM = String.raw`\s?[AaPp](?:[Mm]|\.[Mm]\.)`;
const CLOCK = String.raw`(?:${HOUR_OF_12}(?:${MINUTES})?${AM_PM}|${HOUR}${MINUTES})`;
const ISO_CLOCK = String.raw`(?:${HOUR}${MINUTES}|(?:[01]\d|2[0-3])(?:${SIXTIETH}(?:${SIXTIETH}${FRACTION})?)?)`;

// For dateutil too a zone's name is in capitals. In `08:30 DEC 10 2021` it is none.
const DATE_WORD = `(?:${WEEKDAYS}|${MONTHS.join('|')})`.toUpperCase();
const ZONE_NAME = String.raw`(?:\s*(?<![A-Za-z])(?:[Zz]|(?!${DATE_WORD}\b)[A-Z]{3,5}))?`;
// Also `+02:00` as it arrives from a query string in which the `+` was not encoded: as a blank.
const ZONE_OFFSET = String.raw`(?:\s*[+-](?:(?:[01]\d|2[0-3])${SIXTIETH}|${HOUR}(?::${SIXTIETH})?)|\s(?:[01]\d|2[0-3]):${SIXTIETH})?`;

// Compact times (0830) stand behind a T only: behind a blank they could be a year.
const WHOLE_DATE = String.raw`(?:(?<!\d)\d{8}|[\dA-Za-z][^\dA-Za-z]+[\dA-Za-z]+[^\dA-Za-z]+\d{1,4})`;
const ISO_TIME = String.raw`(?<=${WHOLE_DATE})[Tt]${ISO_CLOCK}`;
const OTHER_TIME = String.raw`(?:^|,?\s+)(?:[Aa][Tt]\s+)?${CLOCK}`;
const TIME = new RegExp(String.raw`(?:${ISO_TIME}|${OTHER_TIME})${ZONE_NAME}${ZONE_OFFSET}(?=$|,?\s)`);

const LEADING_WEEKDAY = new RegExp(String.raw`^(?:${WEEKDAYS})[.,\s]+`, 'i');
const TRAILING_WEEKDAY = new RegExp(String.raw`(?:[.,]?\s+|,)(?:${WEEKDAYS})\.?$`, 'i');

const ISO_DATE = /^(\d{4})(-?)(\d\d)\2(\d\d)$/;
const NUMERIC_DATE = /^(\d+)(\s+|\s*[/.-]\s*)(\d+)(\s+|\s*[/.-]\s*)(\d+)$/;
const NAMED_DATE = /^(\d+|[a-z]+)([^a-z\d]+)(\d+|[a-z]+)([^a-z\d]+)(\d+)$/i;

const ORDINAL = /(?<=\b\d{1,2})(?:st|nd|rd|th)\b/i;
const OF_BEFORE_NAME = /(?<=\d)\s+of\s+(?=[a-z])/i;
const QUOTED = /^(["'])(.*)\1$/;
const APOSTROPHE_OF_YEAR = /(?<=\s)'(?=(?:\d\d|\d{4})$)/;
/** Where `10Dec2021` lacks its blanks. */
const NAME_SEAM = /(?<=\b(?:[0-2]?\d|3[01]))(?=[a-z])|(?<=[a-z])(?=\d)/gi;

const DAY_OR_MONTH = /^\d{1,2}$/;
// dateutil reads 0021 as the year 21 between slashes and as 2021 between blanks.
const YEAR = /^(?:\d\d|(?!00)\d{4})$/;

/**
 * The day of a date as the original service's `s` and `e` parameters carry it, or undefined when it
 * is no date that we take. Reads as `parser.parse(text, dayfirst=True)` of Python's dateutil 2.8.2,
 * which the original calls, with three differences on purpose:
 *
 * - `2021-12-10` and `20211210` are ISO 8601, where dateutil swaps day and month;
 * - an incomplete date is refused, where dateutil fills in today's parts;
 * - an impossible month (`12/31/2021`) is refused, where dateutil falls back to month-first. Behind a year
 *   (`2021/12/31`) there is one reading alone, and it is taken.
 *
 * What dateutil guesses from other texts is refused too (`101221`, `8h30`, a year of one digit). A
 * weekday is not held against the date. A time must exist; it is then ignored with its zone, so that
 * neither moves the day.
 *
 * @param currentYear the year around which two-digit years are read: from 50 before it to 49 after it
 */
export function readOriginalDate(text: string, currentYear: number): CalendarDay | undefined {
  if (text.length > MAX_LENGTH) return undefined;
  const unquoted = takeOffEnd(text).replace(QUOTED, '$2');
  const date = takeOffWeekday(takeOffTime(takeOffEnd(unquoted))).replace(APOSTROPHE_OF_YEAR, '');

  const iso = ISO_DATE.exec(date);
  if (iso !== null) return toCalendarDay(Number(iso[1]), Number(iso[3]), Number(iso[4]));

  const numeric = NUMERIC_DATE.exec(date);
  if (numeric !== null) return readNumeric(numeric, currentYear);

  const spaced = date.replace(ORDINAL, '').replace(OF_BEFORE_NAME, ' ').replace(NAME_SEAM, ' ');
  const named = NAMED_DATE.exec(spaced);
  return named === null ? undefined : readNamed(named, currentYear);
}

function takeOffEnd(text: string): string {
  return text.replace(/[;,\s]+$/, '').trimStart();
}

/** A time that does not exist (`25:00`) is left in the text, where no date has a place for its colon. */
function takeOffTime(text: string): string {
  const rest = text.replace(TIME, ' ');
  return rest.replace(/^[\s,]+/, '').trimEnd();
}

function takeOffWeekday(text: string): string {
  return text.replace(LEADING_WEEKDAY, '').replace(TRAILING_WEEKDAY, '');
}

function readNumeric([, first = '', gap = '', second = '', nextGap = '', third = '']: string[], currentYear: number) {
  if (!areNumericGaps(gap.trim(), nextGap.trim())) return undefined;
  if (!isYear(first)) return toDay(third, second, first, currentYear);
  // Day-first holds behind a year too: 2021/12/10 is 12 October. 2021/12/25 can be nothing but 25 December.
  return toDay(first, third, second, currentYear) ?? toDay(first, second, third, currentYear);
}

/** For dateutil `09.10` before another separator is a decimal number. */
function areNumericGaps(gap: string, nextGap: string): boolean {
  return gap === nextGap || ![gap, nextGap].includes('.');
}

/** `10 December 2021` or `December 10 2021`. With the name in the last place dateutil guesses, so it has none. */
function readNamed(
  [text = '', first = '', gap = '', second = '', nextGap = '', last = '']: string[],
  currentYear: number,
) {
  if (!areNamedGaps(gap, nextGap, text)) return undefined;
  const [name, number] = MONTH_BY_NAME.has(first.toLowerCase()) ? [first, second] : [second, first];
  const month = String(MONTH_BY_NAME.get(name.toLowerCase()));
  return isYear(number) ? toDay(number, month, last, currentYear) : toDay(last, month, number, currentYear);
}

function areNamedGaps(gap: string, nextGap: string, text: string): boolean {
  if (gap === nextGap && gap === '.') return true;
  // `Dec 10,2021` holds the decimal number 10.2021 for dateutil, and no year.
  return [gap, nextGap].every((each) => /^(?:\.?,?\s+|[.,/-])$/.test(each)) && !/\d[.,]\d/.test(text);
}

function isYear(first: string): boolean {
  return first.length === 4 || Number(first) > 31;
}

/** Every part as it was written; undefined unless the day, and a year of two or four digits, exist. */
function toDay(year: string, month: string, day: string, currentYear: number): CalendarDay | undefined {
  if (!YEAR.test(year) || !DAY_OR_MONTH.test(month) || !DAY_OR_MONTH.test(day)) return undefined;
  const fullYear = year.length === 2 ? toNearestYear(Number(year), currentYear) : Number(year);
  return toCalendarDay(fullYear, Number(month), Number(day));
}

function toNearestYear(lastTwoDigits: number, currentYear: number): number {
  const year = currentYear - (currentYear % 100) + lastTwoDigits;
  if (year >= currentYear + 50) return year - 100;
  return year < currentYear - 50 ? year + 100 : year;
}
