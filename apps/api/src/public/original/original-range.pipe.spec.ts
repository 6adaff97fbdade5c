import { describe, expect, it } from 'vitest';
import { ProblemError } from '../../http/problem-error';
import { parseOriginalRange } from './original-range.pipe';

function parse(s: unknown, e: unknown): object | string {
  try {
    return { ...parseOriginalRange(s, e, 2026, 366) };
  } catch (error) {
    if (error instanceof ProblemError && error.status === 400) return error.detail;
    throw error;
  }
}

describe('parseOriginalRange', () => {
  it('reads dates day first', () => {
    expect(parse('10/10/2021', '10/12/2021')).toEqual({ start: '2021-10-10', end: '2021-12-10', maxAgeSeconds: 0 });
  });

  it('looks at days alone, also where the original would have found less than 24 hours', () => {
    const expected = { start: '2021-10-10', end: '2021-10-11', maxAgeSeconds: 0 };
    expect(parse('10/10/2021 08:00', '11/10/2021 07:00')).toEqual(expected);
  });

  it.each<[unknown, unknown, string]>([
    [undefined, undefined, 'Empty start date.'],
    ['', 'abcd', 'Empty start date.'],
    ['xyz', undefined, 'Invalid start date format.'],
    ['xyz', '10/12/2021', 'Invalid start date format.'],
    ['10/08/2021', undefined, 'Empty end date.'],
    ['10/08/2021', 'abcd', 'Invalid end date format.'],
    ['10/08/2021', '05/08/2021', 'Invalid date range.'],
    ['10/08/2021', '10/08/2021', 'Invalid date range.'],
    [['10/08/2021', '1'], '10/12/2021', 'Invalid start date format.'],
    ['10/08/2021', ['10/12/2021', '1'], 'Invalid end date format.'],
    ['10/08/2020', '10/12/2021', 'The range has 488 days; ask for at most 366 at once.'],
  ])('checks in the order of the original: s=%j e=%j', (s, e, expected) => {
    expect(parse(s, e)).toBe(expected);
  });
});
