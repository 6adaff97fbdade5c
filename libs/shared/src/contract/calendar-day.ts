declare const calendarDay: unique symbol;

/**
 * A day of the Gregorian calendar as `YYYY-MM-DD` (ISO 8601), which is also the form of the audit
 * table's partition keys. Strings of this form sort as the days do.
 */
export type CalendarDay = string & { readonly [calendarDay]: true };

const ISO_DAY = /^(\d{4})-(\d{2})-(\d{2})$/;
const DAY_MS = 86_400_000;
const DAYS_OF_MONTHS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** Whether `text` is an ISO day that exists: `2021-02-30` and `2021-2-3` are not. */
export function isCalendarDay(text: unknown): text is CalendarDay {
  if (typeof text !== 'string') return false;
  const parts = ISO_DAY.exec(text);
  return parts !== null && exists(Number(parts[1]), Number(parts[2]), Number(parts[3]));
}

/** The day of a year, month (1 to 12) and day of the month, or undefined when there is no such day. */
export function toCalendarDay(year: number, month: number, day: number): CalendarDay | undefined {
  if (!exists(year, month, day)) return undefined;
  const [yyyy, mm, dd] = [String(year).padStart(4, '0'), String(month).padStart(2, '0'), String(day).padStart(2, '0')];
  return `${yyyy}-${mm}-${dd}` as CalendarDay;
}

/**
 * The partition keys of a day: `from` (inclusive) to `to` (exclusive), in the order of the table, which compares by
 * UTF-16 code unit. Exactly the keys that begin with the day lie in it. The next day is no such end: `2021-12-1` lies
 * between 2021-12-09 and 2021-12-10, and `2021-11-summary` between 2021-11-30 and 2021-12-01.
 */
export function toKeyRange(day: CalendarDay): { from: string; to: string } {
  const last = day.length - 1;
  return { from: day, to: day.slice(0, last) + String.fromCharCode(day.charCodeAt(last) + 1) };
}

/** How many days lie in `start` to `end`, both inclusive; 0 or less when `end` is before `start`. */
export function countDays(start: CalendarDay, end: CalendarDay): number {
  return (Date.parse(end) - Date.parse(start)) / DAY_MS + 1;
}

/** Every day from `start` to `end`, both inclusive, in order. */
export function listDays(start: CalendarDay, end: CalendarDay): CalendarDay[] {
  return Array.from({ length: Math.max(0, countDays(start, end)) }, (_, i) => fromTime(Date.parse(start) + i * DAY_MS));
}

function fromTime(time: number): CalendarDay {
  return new Date(time).toISOString().slice(0, 10) as CalendarDay;
}

/** By arithmetic: a Date for each would be a third of what the validation of a submission costs. */
function exists(year: number, month: number, day: number): boolean {
  if (year < 1 || year > 9999 || day < 1) return false;
  const isLeapDay = month === 2 && day === 29;
  if (isLeapDay) return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
  return day <= (DAYS_OF_MONTHS[month - 1] ?? 0);
}
