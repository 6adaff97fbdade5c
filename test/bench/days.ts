const DAY_MS = 86_400_000;

/** The first day of every table of the benchmark. */
const FIRST_DAY = '2021-01-01';

/** The day of a table, counted from 0. */
export function toDay(index: number): string {
  return new Date(Date.parse(FIRST_DAY) + index * DAY_MS).toISOString().slice(0, 10);
}
