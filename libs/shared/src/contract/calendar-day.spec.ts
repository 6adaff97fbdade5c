import { describe, expect, it } from 'vitest';
import { isCalendarDay, listDays, countDays, nextDay, type CalendarDay } from '#shared/contract/calendar-day';

describe('isCalendarDay', () => {
  it.each(['2021-10-10', '2024-02-29', '0001-01-01', '9998-12-31'])('takes %s', (text) => {
    expect(isCalendarDay(text)).toBe(true);
  });

  it.each([
    '2021-02-30',
    '2023-02-29',
    '2021-13-01',
    '2021-00-10',
    '2021-1-1',
    '20211010',
    ' 2021-10-10',
    '',
    '9999-12-31',
    20211010,
    null,
  ])('refuses %s', (text) => {
    expect(isCalendarDay(text)).toBe(false);
  });

  it('agrees with Date about every day of every kind of year', () => {
    for (const year of [1600, 1900, 2000, 2023, 2024]) {
      for (let month = 0; month <= 13; month += 1) {
        for (let day = 0; day <= 32; day += 1) {
          const text = `${year}-${String(month).padStart(2, '0')}-${String(day).padStart(2, '0')}`;
          const date = new Date(Date.UTC(year, month - 1, day));
          expect(isCalendarDay(text), text).toBe(date.toISOString().startsWith(text));
        }
      }
    }
  });
});

describe('days', () => {
  const day = (text: string) => text as CalendarDay;

  it('counts both ends', () => {
    expect(countDays(day('2021-10-10'), day('2021-12-10'))).toBe(62);
    expect(countDays(day('2021-10-10'), day('2021-10-10'))).toBe(1);
  });

  it('lists every day in order, over the end of a month and a leap day', () => {
    expect(listDays(day('2024-02-28'), day('2024-03-01'))).toEqual(['2024-02-28', '2024-02-29', '2024-03-01']);
    expect(listDays(day('2024-03-01'), day('2024-02-28'))).toEqual([]);
  });

  it('goes on into the next year', () => {
    expect(nextDay(day('2021-12-31'))).toBe('2022-01-01');
  });
});
