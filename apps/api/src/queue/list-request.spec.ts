import { describe, expect, it } from 'vitest';
import { readTime } from './list-request';

describe('readTime', () => {
  it.each([
    ['2021-10-10', '2021-10-10T00:00:00.000Z'],
    ['2021-10-10T08:30Z', '2021-10-10T08:30:00.000Z'],
    ['2021-10-10T08:30:15.5Z', '2021-10-10T08:30:15.500Z'],
    ['2026-11-29T10:04:50.5606708Z', '2026-11-29T10:04:50.560Z'],
    ['2026-11-29T10:04:50.560670812z', '2026-11-29T10:04:50.560Z'],
    ['2026-11-29T11:04:50.5606708+01:00', '2026-11-29T10:04:50.560Z'],
    ['2026-11-29T11:04:50 01:00', '2026-11-29T10:04:50.000Z'],
    ['2026-11-29T09:04:50-0100', '2026-11-29T10:04:50.000Z'],
  ])('takes %s', (text, time) => {
    expect(readTime(text)).toEqual(new Date(time));
  });

  it.each<[unknown, string]>([
    ['29/11/2026', 'must be a time such as 2021-10-10T08:30:00Z, or a day'],
    [['2021-10-10', '2021-10-11'], 'must be a time such as 2021-10-10T08:30:00Z, or a day'],
    ['2021-02-30', 'names a day that does not exist'],
    ['2021-10-10T25:00Z', 'names a time that does not exist'],
    ['2021-10-10T08:30:00+25:00', 'names a time that does not exist'],
    ['2021-10-10T08:30', 'needs a zone behind its time: Z, or an offset such as +01:00 (in an address %2B01:00)'],
  ])('says what is wrong with %j', (text, problem) => {
    expect(readTime(text)).toBe(problem);
  });
});
