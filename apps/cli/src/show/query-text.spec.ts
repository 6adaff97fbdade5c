import { describe, expect, it } from 'vitest';
import type { Query } from '../service/query';
import { formatDuration, toProgressLine, toQueryTable, toQueryText } from './query-text';

const RUNNING: Query = {
  id: '433ebcfe85ec4012abe94dcda2aa6b00',
  status: 'Running',
  request: { start: '2021-10-10', end: '2021-12-10', maxAgeSeconds: 0 },
  createdAt: '2026-11-21T11:25:56.238Z',
  startedAt: '2026-11-21T11:25:57.000Z',
  finishedAt: null,
  expiresAt: null,
  progress: {
    ...{ percent: 41.9, daysTotal: 62, daysDone: 26, daysReused: 0 },
    ...{ entitiesRead: 1_843_221, etaSeconds: 103, atLeast: 812 },
  },
  result: null,
  error: null,
  links: { self: '', result: '', events: '' },
};

const COMPLETED: Query = {
  ...RUNNING,
  status: 'Completed',
  finishedAt: '2026-11-21T11:27:59.000Z',
  expiresAt: '2026-11-22T11:27:59.000Z',
  result: {
    ...{ count: 1_190, entitiesRead: 4_210_332, entitiesWithoutIdentifier: 3, daysScanned: 61, daysReused: 1 },
    oldestScanAt: '2026-11-21T11:25:57.000Z',
  },
};

describe('toProgressLine', () => {
  it.each([
    [120, '██████████░░░░░░░░░░░░░░  41.9 %  26 of 62 days  1,843,221 entities  at least 812  about 1 min 43 s left'],
    [80, '██████████░░░░░░░░░░░░░░  41.9 %  26 of 62 days  1,843,221 entities'],
    [40, '██████████░░░░░░░░░░░░░░  41.9 %'],
    [20, '████░░░░░░░  41.9 %'],
    [12, ' 41.9 %'],
    [0, 'Running: 41.9 %, 26 of 62 days, 1,843,221 entities, at least 812, about 1 min 43 s left'],
  ])('fits into %i columns', (columns, line) => {
    expect(toProgressLine(RUNNING, columns)).toBe(line);
  });

  it('shows that a query waits, and omits an unknown remaining time', () => {
    expect(toProgressLine({ ...RUNNING, status: 'Pending' }, 80)).toBe('Pending  waiting for a worker');
    const unknown = { ...RUNNING, progress: { ...RUNNING.progress, etaSeconds: null, daysTotal: 1, entitiesRead: 1 } };
    expect(toProgressLine(unknown, 0)).toBe('Running: 41.9 %, 26 of 1 day, 1 entity, at least 812');
  });
});

describe('formatDuration', () => {
  it.each([
    [0, '0 s'],
    [59.4, '59 s'],
    [59.6, '1 min 0 s'],
    [3_600, '1 h 0 min'],
    [3_723, '1 h 2 min'],
  ])('formats %f seconds as %s', (seconds, text) => {
    expect(formatDuration(seconds)).toBe(text);
  });
});

describe('toQueryText', () => {
  it('shows the progress of a running query', () => {
    expect(toQueryText(RUNNING)).toBe(
      `Query      433ebcfe85ec4012abe94dcda2aa6b00
Range      2021-10-10 to 2021-12-10
Status     Running
Progress   41.9 %, 26 of 62 days, 1,843,221 entities, at least 812, about 1 min 43 s left
Submitted  2026-11-21T11:25:56.238Z
`,
    );
  });

  it('shows the result or the error of an ended query', () => {
    const text = toQueryText({ ...COMPLETED, request: { ...COMPLETED.request, maxAgeSeconds: 600 } });
    expect(text).toContain('Reuse      days read in the last 10 min 0 s\n');
    expect(text).toContain('Count      1,190\n');
    expect(text).toContain(
      'Read       61 days read, 1 reused, 4,210,332 entities, 3 of them without an identification number, in 2 min 2 s\n',
    );
    const error = { code: 'TABLE_THROTTLED' as const, message: 'It was busy.' };
    expect(toQueryText({ ...RUNNING, status: 'Failed', error })).toContain(
      'Reason     TABLE_THROTTLED: It was busy.\n',
    );
  });
});

describe('toQueryTable', () => {
  it('aligns the columns', () => {
    expect(toQueryTable([RUNNING, COMPLETED])).toBe(
      `ID                                STATUS     RANGE                     DONE  COUNT  SUBMITTED
433ebcfe85ec4012abe94dcda2aa6b00  Running    2021-10-10 to 2021-12-10  42%   -      2026-11-21T11:25:56Z
433ebcfe85ec4012abe94dcda2aa6b00  Completed  2021-10-10 to 2021-12-10  42%   1,190  2026-11-21T11:25:56Z
`,
    );
  });
});
