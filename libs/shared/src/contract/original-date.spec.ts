import { describe, expect, it } from 'vitest';
import { readOriginalDate } from '#shared/contract/original-date';

// The days in these tables are the answers of Python's dateutil 2.8.2 to `parse(text, dayfirst=True)` with
// 2026 as the current year. DIFFERENT holds what we read otherwise on purpose: first its answer, then ours.
const CURRENT_YEAR = 2026;
const TODAYS_PARTS = 'what is missing is taken from today';

const SAME: Record<string, [text: string, day: string][]> = {
  'day first': [
    ['10/12/2021', '2021-12-10'],
    ['31/12/9999', '9999-12-31'],
    ['10-12-2021', '2021-12-10'],
    ['10.12.2021', '2021-12-10'],
    ['10 12 2021', '2021-12-10'],
    ['1/2/2021', '2021-02-01'],
    ['01.02.2021', '2021-02-01'],
    ['10 / 12 / 2021', '2021-12-10'],
    ['10. 12. 2021', '2021-12-10'],
    ['31/12/2021', '2021-12-31'],
    ['29/02/2024', '2024-02-29'],
    ['13/01/2021', '2021-01-13'],
    ['10\t12\t2021', '2021-12-10'],
  ],
  'two-digit years': [
    ['10/12/21', '2021-12-10'],
    ['10.12.00', '2000-12-10'],
    ['10-12-75', '2075-12-10'],
    ['10-12-76', '1976-12-10'],
    ['31 1 31', '2031-01-31'],
    ['01/02/03', '2003-02-01'],
  ],
  'year first, day before month': [
    ['2021/12/10', '2021-10-12'],
    ['2021.12.10', '2021-10-12'],
    ['2021 12 10', '2021-10-12'],
    ['2021-1-5', '2021-05-01'],
    ['99/10/12', '1999-12-10'],
    ['2021/25/10', '2021-10-25'],
  ],
  'month names': [
    ['10 December 2021', '2021-12-10'],
    ['10 Dec 2021', '2021-12-10'],
    ['10 dec 2021', '2021-12-10'],
    ['10-Dec-2021', '2021-12-10'],
    ['10/Dec/2021', '2021-12-10'],
    ['10.Dec.2021', '2021-12-10'],
    ['10 Dec. 2021', '2021-12-10'],
    ['10 Dec, 2021', '2021-12-10'],
    ['10. December 2021', '2021-12-10'],
    ['1 May 2021', '2021-05-01'],
    ['3 Sept 2021', '2021-09-03'],
    ['10Dec2021', '2021-12-10'],
    ['99 Dec 10', '1999-12-10'],
    ['2021 Dec 10', '2021-12-10'],
  ],
  'month name first': [
    ['December 10, 2021', '2021-12-10'],
    ['Dec 10, 21', '2021-12-10'],
    ['Dec. 10, 2021', '2021-12-10'],
    ['Dec-10-2021', '2021-12-10'],
    ['Dec.10.2021', '2021-12-10'],
    ['dec 2021 10', '2021-12-10'],
    ['Dec 10, 76', '1976-12-10'],
    ['Dec10 2021', '2021-12-10'],
  ],
  ordinals: [
    ['10th December 2021', '2021-12-10'],
    ['10th of December 2021', '2021-12-10'],
    ['2nd February, 2021', '2021-02-02'],
    ['December 3rd, 2021', '2021-12-03'],
    ['22nd of Dec., 2021', '2021-12-22'],
    ['10 of December 2021', '2021-12-10'],
    ['11st of May 21', '2021-05-11'],
    ['December 21st 10', '2010-12-21'],
  ],
  weekdays: [
    ['Fri 10 Dec 2021', '2021-12-10'],
    ['Friday, 10th of December 2021', '2021-12-10'],
    ['Fri, 10/12/2021', '2021-12-10'],
    ['fri. 10.12.2021', '2021-12-10'],
    ['FRIDAY December 10, 2021', '2021-12-10'],
    ['10 December 2021, Friday', '2021-12-10'],
    ['10/12/2021 Fri', '2021-12-10'],
    ['Monday 10/12/2021', '2021-12-10'],
  ],
  times: [
    ['10/12/2021 08:30', '2021-12-10'],
    ['10/12/2021, 8:30', '2021-12-10'],
    ['10/12/2021 23:59:59.999999', '2021-12-10'],
    ['10.12.2021 08:30:15,5', '2021-12-10'],
    ['10/12/2021 8:30 am', '2021-12-10'],
    ['10/12/2021 12:30PM', '2021-12-10'],
    ['10 December 2021 8 p.m.', '2021-12-10'],
    ['10 Dec 2021 at 8am', '2021-12-10'],
    ['08:30 10/12/2021', '2021-12-10'],
    ['Fri, 10 Dec 2021 08:30:00 GMT', '2021-12-10'],
    ['Friday, 10-Dec-21 08:30:00 UTC', '2021-12-10'],
    ['Fri Dec 10 08:30:00 2021', '2021-12-10'],
    ['Fri Dec 10 08:30:00 CET 2021', '2021-12-10'],
    ['10/12/2021 08:30Z', '2021-12-10'],
    ['10/12/2021 23:30 -03:00', '2021-12-10'],
    ['10/12/2021 00:30+0100', '2021-12-10'],
    ['10 Dec 2021 08:30 UTC+3', '2021-12-10'],
    ['08:30 DEC 10 2021', '2021-12-10'],
    ['10 12 21 08:30 BRST', '2021-12-10'],
  ],
};

const REFUSED_BY_BOTH = [
  '',
  'abcd',
  '/10/12/2021 25:00',
  '10/12/2021 25:00',
  '10/12/2021 24:00',
  '10/12/2021 08:60',
  '10/12/2021 08:30:60',
  '10/12/2021 13:00 pm',
  '10/12/2021 08:30 utc',
  '30/02/2021',
  '29/02/2021',
  '0/12/2021',
  '10/0/2021',
  '13/13/2021',
  '10/12/0000',
  '10 Decembre 2021',
  'Tues 10/12/2021',
  'the 10th of December 2021',
  '10_12_2021',
  '2021-12-10Z',
  '2021-12-32',
  '2021-02-29',
  'today',
  '10/12/2021 10/12/2021',
];

const DIFFERENT: Record<string, [text: string, dateutil: string, ours: string | undefined][]> = {
  'ISO is read as ISO': [
    ['2021-12-10', '2021-10-12', '2021-12-10'],
    ['20211210', '2021-10-12', '2021-12-10'],
    ['2021-12-10T08:30:00Z', '2021-10-12', '2021-12-10'],
    ['2021-12-10t08:30:00.123+01:00', '2021-10-12', '2021-12-10'],
    ['2021-12-10 08:30', '2021-10-12', '2021-12-10'],
    ['20211210T083000Z', '2021-10-12', '2021-12-10'],
    ['2021-12-10T08', '2021-10-12', '2021-12-10'],
    ['Fri 2021-12-10', '2021-10-12', '2021-12-10'],
    ['08:30 2021-12-10', '2021-10-12', '2021-12-10'],
    ['2021-13-10', '2021-10-13', undefined],
    ['2021-25-10', '2021-10-25', undefined],
    ['1999-01-02', '1999-02-01', '1999-01-02'],
  ],
  'an incomplete date is refused': [
    ['2021', TODAYS_PARTS, undefined],
    ['10', TODAYS_PARTS, undefined],
    ['12/2021', TODAYS_PARTS, undefined],
    ['December', TODAYS_PARTS, undefined],
    ['Dec 2021', TODAYS_PARTS, undefined],
    ['10 December', TODAYS_PARTS, undefined],
    ['Friday', TODAYS_PARTS, undefined],
    ['08:30', TODAYS_PARTS, undefined],
    ['Dec 10,2021', TODAYS_PARTS, undefined],
    ['10,12,2021', TODAYS_PARTS, undefined],
  ],
  'an impossible month is refused': [
    ['12/31/2021', '2021-12-31', undefined],
    ['12 31 21', '2021-12-31', undefined],
    ['12/13/2021 08:30', '2021-12-13', undefined],
    ['2021/12/31', '2021-12-31', undefined],
    ['2021.10.13', '2021-10-13', undefined],
    ['99/12/31', '1999-12-31', undefined],
  ],
  'other guesses are refused': [
    ['101221', '2021-12-10', undefined],
    ['20211210083000', '2021-10-12', undefined],
    ['10/12/5', '2005-12-10', undefined],
    ['5 Dec 5', '2005-12-05', undefined],
    ['10/12/0021', '0021-12-10', undefined],
    ['10 12 0021', '2021-12-10', undefined],
    ['21 10 Dec', '2021-12-10', undefined],
    ['10/12-2021', '2021-12-10', undefined],
    ['10//12//2021', '2021-12-10', undefined],
    ["10 Dec '21", '2021-12-10', undefined],
    ['on 10 December 2021', '2021-12-10', undefined],
    ['December of 21 10', '2021-12-10', undefined],
    ['December 1,2021', '2021-12-01', undefined],
    ['10/12/2021 0830', '2021-12-10', undefined],
    ['10/12/2021 8h30', '2021-12-10', undefined],
    ['10/12/2021 8:5', '2021-12-10', undefined],
    ['10/12/2021 08:30.5', '2021-12-10', undefined],
    ['10/12/2021 8:30 p', '2021-12-10', undefined],
    ['10/12/2021T08:30', '2021-12-10', undefined],
    ['10/12/2021 08:30 +25:00', '2021-12-10', undefined],
    ['10/12/2021 08:30 +0000 (UTC)', '2021-12-10', undefined],
    ['\u0663/12/2021', '2021-12-03', undefined],
  ],
};

describe('readOriginalDate', () => {
  describe.each(Object.entries(SAME))('reads as dateutil: %s', (_, cases) => {
    it.each(cases)('%j is %s', (text, day) => {
      expect(readOriginalDate(text, CURRENT_YEAR)).toBe(day);
    });
  });

  it.each(REFUSED_BY_BOTH)('refuses %j as dateutil does', (text) => {
    expect(readOriginalDate(text, CURRENT_YEAR)).toBeUndefined();
  });

  describe.each(Object.entries(DIFFERENT))('differs from dateutil: %s', (_, cases) => {
    it.each(cases)('%j (dateutil: %s) is %s', (text, _dateutil, ours) => {
      expect(readOriginalDate(text, CURRENT_YEAR)).toBe(ours);
    });
  });

  it.each([
    [2026, '75', '2075-12-10'],
    [2026, '76', '1976-12-10'],
    [1999, '48', '2048-12-10'],
    [1999, '49', '1949-12-10'],
    [2049, '98', '2098-12-10'],
    [2049, '99', '1999-12-10'],
    [2060, '09', '2109-12-10'],
    [2060, '10', '2010-12-10'],
  ])('in %i reads the year %s as that of %s', (currentYear, year, day) => {
    expect(readOriginalDate(`10/12/${year}`, currentYear)).toBe(day);
  });

  it('refuses more than 64 characters, whatever they hold', () => {
    expect(readOriginalDate('10/12/2021'.padEnd(64), CURRENT_YEAR)).toBe('2021-12-10');
    expect(readOriginalDate('10/12/2021'.padEnd(65), CURRENT_YEAR)).toBeUndefined();
  });
});
