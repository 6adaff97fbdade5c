import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isCalendarDay, listDays, countDays, toCalendarDay, toKeyRange } from '#shared/contract/calendar-day';
import type { CalendarDay } from '#shared/contract/calendar-day';

describe('isCalendarDay', () => {
  it.each(['2021-10-10', '2024-02-29', '0001-01-01', '9999-12-31'])('takes %s', (text) => {
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
    '0000-01-01',
    '10000-01-01',
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

const day = (text: string) => text as CalendarDay;

describe('days', () => {
  it('counts both ends', () => {
    expect(countDays(day('2021-10-10'), day('2021-12-10'))).toBe(62);
    expect(countDays(day('2021-10-10'), day('2021-10-10'))).toBe(1);
  });

  it('lists every day in order, over the end of a month and a leap day', () => {
    expect(listDays(day('2024-02-28'), day('2024-03-01'))).toEqual(['2024-02-28', '2024-02-29', '2024-03-01']);
    expect(listDays(day('2024-03-01'), day('2024-02-28'))).toEqual([]);
  });
});

describe('the range of keys of a day', () => {
  const isWithin = (key: string, one: CalendarDay) => {
    const { from, to } = toKeyRange(one);
    // Strings compare by UTF-16 code unit here, as keys do in the table.
    return key >= from && key < to;
  };

  it.each([
    ['2021-12-08', '2021-12-09'],
    ['2021-12-09', '2021-12-0:'],
    ['2021-12-10', '2021-12-11'],
    ['2021-11-30', '2021-11-31'],
    ['2021-12-31', '2021-12-32'],
    ['9999-12-31', '9999-12-32'],
  ])('of %s ends before %s', (from, to) => {
    expect(toKeyRange(day(from))).toEqual({ from, to });
  });

  it.each([
    ['2021-12-09', ['2021-12-09']],
    ['2021-12-09-b', ['2021-12-09']],
    ['2021-12-09\uffff', ['2021-12-09']],
    ['2021-12-09\u{1f600}', ['2021-12-09']],
    ["2021-12-09'", ['2021-12-09']],
    ['2021-12-091', ['2021-12-09']],
    ['2021-12-10', ['2021-12-10']],
    ['2021-11-30x', ['2021-11-30']],
    ['2021-12', []],
    ['2021-12-0', []],
    ['2021-12-0:', []],
    ['2021-12-0\u{1f600}', []],
    ['2021-12-1', []],
    ['2021-12-1-b', []],
    ['2021-11-9', []],
    ['2021-11-31', []],
    ['2021-11-summary', []],
    ['2021-11', []],
    ['', []],
  ])('has the key %j in that of %j', (key, days) => {
    const all = listDays(day('2021-11-01'), day('2021-12-31'));
    expect(all.filter((one) => isWithin(key, one))).toEqual(days);
  });

  // By arithmetic: of every year, and most often of the ends of months, tens and years.
  const days = fc
    .tuple(
      fc.oneof(fc.constantFrom(1, 1999, 2021, 2024, 9999), fc.integer({ min: 1, max: 9999 })),
      fc.integer({ min: 1, max: 12 }),
      fc.oneof(fc.constantFrom(1, 9, 10, 19, 20, 28, 29, 30, 31), fc.integer({ min: 1, max: 31 })),
    )
    .map((parts) => toCalendarDay(...parts))
    .filter((one) => one !== undefined);
  /** Any code units at all, lone surrogates too. */
  const texts = fc.oneof(
    fc.string({ unit: 'grapheme' }),
    fc.string({ unit: 'binary' }),
    fc.array(fc.integer({ min: 0, max: 0xffff })).map((units) => String.fromCharCode(...units)),
  );

  it('has a day with anything behind it in the range of that day, and in no other', () => {
    fc.assert(
      fc.property(days, days, texts, (one, other, suffix) => {
        expect(isWithin(one + suffix, one)).toBe(true);
        expect(isWithin(one + suffix, other)).toBe(one === other);
      }),
    );
  });

  it('has exactly the keys that begin with the day, however close another key comes', () => {
    const near = fc
      .tuple(days, fc.nat({ max: 10 }), texts)
      .map(([one, length, suffix]): [CalendarDay, string] => [one, one.slice(0, length) + suffix]);
    fc.assert(
      fc.property(near, days, ([one, key], other) => {
        expect(isWithin(key, one)).toBe(key.startsWith(one));
        expect(isWithin(key, other)).toBe(key.startsWith(other));
      }),
    );
  });

  it('keeps capitals and small letters apart', () => {
    const key = (text: string) => `2021-12-09${text}`;
    expect([key('a'), key('A'), key('É'), key('e')].sort()).toEqual([key('A'), key('a'), key('e'), key('É')]);
    expect(isWithin('2021-12-0A', day('2021-12-09'))).toBe(false);
    expect(isWithin('2021-12-0a', day('2021-12-09'))).toBe(false);
  });
});
