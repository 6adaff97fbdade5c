import { describe, expect, it } from 'vitest';
import type { ApiConfig } from '#shared/config/api-config';
import { ProblemError } from '../../http/problem-error';
import { QueryRequestPipe } from './query-request.pipe';

const pipe = new QueryRequestPipe({ maxRangeDays: 31 } as ApiConfig);

function problemOf(body: unknown): string {
  try {
    pipe.transform(body);
  } catch (error) {
    if (error instanceof ProblemError) return `${error.status} ${error.code}: ${error.detail}`;
    throw error;
  }
  return 'none';
}

const START = 'start must be a day that exists, as YYYY-MM-DD';
const END = 'end must be a day that exists, as YYYY-MM-DD';
const MAX_AGE = 'maxAgeSeconds must be a whole number from 0 to 31536000';

describe('QueryRequestPipe', () => {
  it('accepts a range, and reuses no day by default', () => {
    const body = { start: '2021-10-10', end: '2021-10-10' };
    expect(pipe.transform(body)).toEqual({ ...body, maxAgeSeconds: 0 });
    expect(pipe.transform({ ...body, maxAgeSeconds: null })).toEqual({ ...body, maxAgeSeconds: 0 });
    expect(pipe.transform({ ...body, maxAgeSeconds: 60 })).toEqual({ ...body, maxAgeSeconds: 60 });
  });

  it.each<[string, unknown, string]>([
    ['an array', [], '400 REQUEST_INVALID: The body must be a JSON object with start and end.'],
    ['null', null, '400 REQUEST_INVALID: The body must be a JSON object with start and end.'],
    ['a text', 'x', '400 REQUEST_INVALID: The body must be a JSON object with start and end.'],
    ['no member', {}, `400 REQUEST_INVALID: ${START}; ${END}.`],
    ['an impossible day', { start: '2021-02-30', end: '2021-03-01' }, `400 REQUEST_INVALID: ${START}.`],
    [
      'wrong types',
      { start: 1, end: ['2021-02-01'], maxAgeSeconds: '1' },
      `400 REQUEST_INVALID: ${START}; ${END}; ${MAX_AGE}.`,
    ],
    ['a time', { start: '2021-02-01T00:00:00Z', end: '2021-02-01' }, `400 REQUEST_INVALID: ${START}.`],
    [
      'a negative age',
      { start: '2021-02-01', end: '2021-02-01', maxAgeSeconds: -1 },
      `400 REQUEST_INVALID: ${MAX_AGE}.`,
    ],
    [
      'null for a required or unknown member',
      { start: null, end: '2021-02-01', other: null },
      `400 REQUEST_INVALID: other is not a member of the request; ${START}.`,
    ],
    [
      'a typo',
      { start: '2021-02-01', end: '2021-02-01', maxAge: 1 },
      '400 REQUEST_INVALID: maxAge is not a member of the request.',
    ],
    [
      'end before start',
      { start: '2021-02-02', end: '2021-02-01' },
      '400 QUERY_RANGE_INVALID: end must not be before start.',
    ],
    [
      'a typo and end before start',
      { start: '2021-02-02', end: '2021-02-01', x: 1 },
      '400 REQUEST_INVALID: x is not a member of the request; end must not be before start.',
    ],
    [
      'too many days',
      { start: '2021-01-01', end: '2021-02-01' },
      '400 QUERY_RANGE_TOO_LONG: The range has 32 days; ask for at most 31 at once.',
    ],
  ])('refuses %s', (_name, body, expected) => {
    expect(problemOf(body)).toBe(expected);
  });

  it('has a code for a missing body', () => {
    expect(problemOf(undefined)).toMatch(/^400 BODY_MISSING/);
  });
});
