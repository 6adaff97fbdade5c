import { toCalendarDay, type CalendarDay } from './calendar-day';

/** A date with its weekday, a time and a zone, all in full, has some 50 characters. */
const MAX_LENGTH = 64;

const WEEKDAY = '(?:mon|tue|wed|thu|fri|sat|sun|monday|tuesday|wednesday|thursday|friday|saturday|sunday)';
const MONTH_NAMES = [
  ['jan', 'january'],
  ['feb', 'february'],
  ['mar', 'march'],
  ['apr', 'april'],
  ['may'],
  ['jun', 'june'],
  ['jul', 'july'],
  ['aug', 'august'],
  ['sep', 'sept', 'september'],
  ['oct', 'october'],
  ['nov', 'november'],
  ['dec', 'december'],
];
const MONTHS = new Map(MONTH_NAMES.flatMap((names, i) => names.map((name) => [name, i + 1] as const)));

const FRACTION = String.raw`(?:[.,]\d+)?`;
const HOUR = '(?:[01]?[0-9]|2[0-3])';
const CLOCK_24 = `${HOUR}:[0-5][0-9](?::[0-5][0-9]${FRACTION})?`;
const CLOCK_12 = String.raw`(?:0?[0-9]|1[0-2])(?::[0-5][0-9](?::[0-5][0-9]${FRACTION})?)?\s*[AaPp](?:[Mm]|\.[Mm]\.)`;
const CLOCK_BASIC = `(?:[01][0-9]|2[0-3])(?:[0-5][0-9](?:[0-5][0-9]${FRACTION})?)?`;
// Zone names are upper case for dateutil too; 08:30 DEC 10 2021 is no zone called DEC.
const NAME_IN_CAPITALS = `(?:${WEEKDAY}|${[...MONTHS.keys()].join('|')})`.toUpperCase();
const ZONE_NAME = String.raw`(?:\s*(?:[Zz]|(?!${NAME_IN_CAPITALS}\b)[A-Z]{3,5}))?`;
const ZONE_OFFSET = String.raw`(?:\s*[+-](?:(?:[01][0-9]|2[0-3])[0-5][0-9]|${HOUR}(?::[0-5][0-9])?))?`;
const CLOCK = new RegExp(
  String.raw`(?:(?<=\d)[Tt](?:${CLOCK_24}|${CLOCK_BASIC})|(?:^|,?\s+(?:[Aa][Tt]\s+)?)(?:${CLOCK_12}|${CLOCK_24}))` +
    String.raw`${ZONE_NAME}${ZONE_OFFSET}(?=$|[\s,])`,
);

const LEADING_WEEKDAY = new RegExp(String.raw`^${WEEKDAY}[.,\s]+`, 'i');
const TRAILING_WEEKDAY = new RegExp(String.raw`[.,\s]+${WEEKDAY}\.?$`, 'i');
const ORDINAL = /(?<=\b\d{1,2})(?:st|nd|rd|th)\b/i;
const OF_BEFORE_NAME = /(?<=\d)\s+of\s+(?=[a-z])/i;
const NUMBER_NAME_SEAM = /(?<=\d)(?=[a-z])|(?<=[a-z])(?=\d)/gi;

const ISO_DATE = /^(\d{4})(-?)(\d{2})\2(\d{2})$/;
const THREE_PARTS = /^(\d+|[a-z]+)([^a-z\d]+)(\d+|[a-z]+)([^a-z\d]+)(\d+|[a-z]+)$/i;
const DAY_OR_MONTH = /^\d{1,2}$/;
// dateutil reads 0021 as the year 21 between slashes and as 2021 between blanks.
const YEAR = /^(?:\d{2}|(?!00)\d{4})$/;

/**
 * The day of a date as the original service's `s` and `e` parameters carry it, or undefined when it
 * is no date that we take. Reads as `parser.parse(text, dayfirst=True)` of Python's dateutil 2.8.2,
 * which the original calls, with three differences on purpose:
 *
 * - `2021-12-10` and `20211210` are ISO 8601, where dateutil swaps day and month;
 * - an incomplete date is refused, where dateutil fills in today's parts;
 * - an impossible month (`12/31/2021`, `2021/12/31`) is refused, where dateutil reads month-first.
 *
 * Never takes what dateutil refuses, and refuses the rest of its guesses too (`101221`, `8h30`, a
 * year of one or three digits). A weekday need not be the date's own; a time must exist and is dropped
 * with its zone, so that no day is moved by it.
 *
 * @param currentYear four digits; a two-digit year becomes the one from 50 years before to 49 after it
 */
export function readOriginalDate(text: string, currentYear: number): CalendarDay | undefined {
  if (text.length > MAX_LENGTH) return undefined;
  const date = takeOffWeekday(takeOffTime(text.trim()));

  const iso = ISO_DATE.exec(date);
  if (iso !== null) return toCalendarDay(Number(iso[1]), Number(iso[3]), Number(iso[4]));

  const plain = date.replace(ORDINAL, '').replace(OF_BEFORE_NAME, ' ').replace(NUMBER_NAME_SEAM, ' ');
  const [, first, gap, second, nextGap, third] = THREE_PARTS.exec(plain) ?? [];
  if (!first || !gap || !second || !nextGap || !third) return undefined;

  const parts = [first, second, third];
  const namePlace = parts.findIndex((part) => MONTHS.has(part.toLowerCase()));
  if (namePlace === -1) return isNumericGap(gap, nextGap) ? readNumeric(first, second, third, currentYear) : undefined;
  if (!isNamedGap(gap, nextGap, plain)) return undefined;
  const [name = ''] = parts.splice(namePlace, 1);
  return readNamed(parts, name, namePlace, currentYear);
}

/** A time that does not exist (`25:00`) stays in the text, where its colon is no part of any date. */
function takeOffTime(text: string): string {
  return text
    .replace(CLOCK, ' ')
    .replace(/^[\s,]+/, '')
    .trimEnd();
}

function takeOffWeekday(text: string): string {
  return text.replace(LEADING_WEEKDAY, '').replace(TRAILING_WEEKDAY, '');
}

function isNumericGap(gap: string, nextGap: string): boolean {
  return gap === nextGap && /^(?:\s+|\s*[/.-]\s*)$/.test(gap);
}

function isNamedGap(gap: string, nextGap: string, text: string): boolean {
  if (gap === nextGap && /^[/.-]$/.test(gap)) return true;
  // `Dec 10,2021` and `Dec 10.2021` hold the number 10.2021 for dateutil, and no year.
  return [gap, nextGap].every((each) => /^(?:[.,]?\s+|[.,])$/.test(each)) && !/\d[.,]\d/.test(text);
}

function readNumeric(first: string, second: string, third: string, currentYear: number): CalendarDay | undefined {
  // Day-first holds behind a year too: 2021/12/10 is 12 October, for dateutil as for us.
  return isYearFirst(first) ? toDay(first, third, second, currentYear) : toDay(third, second, first, currentYear);
}

function readNamed(numbers: string[], name: string, namePlace: number, currentYear: number): CalendarDay | undefined {
  const [first = '', second = ''] = numbers;
  // In `21 10 Dec` dateutil's own source wonders which is the year.
  if (namePlace === 2 && first.length !== 4 && second.length !== 4) return undefined;
  const month = String(MONTHS.get(name.toLowerCase()));
  return isYearFirst(first) ? toDay(first, month, second, currentYear) : toDay(second, month, first, currentYear);
}

function isYearFirst(first: string): boolean {
  return first.length === 4 || Number(first) > 31;
}

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
