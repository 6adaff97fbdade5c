import { describe, expect, it } from 'vitest';
import { redactJob } from './redact-job';

describe('what may be shown of a job', () => {
  it('is what is known to be safe, at any depth', () => {
    const job = {
      id: 'a',
      name: 'count-distinct',
      data: { version: 1, caller: 'key:payroll', request: { start: '2021-10-10', comment: 'x' }, submissionId: 'y' },
      progress: { percent: 1.5, secret: 2, after: { id: 'b', createdAt: 3 } },
      opts: { attempts: 3, backoff: { type: 'exponential', delay: 1_000 }, parent: { id: 'c' } },
      returnvalue: 'd',
      stacktrace: ['Error: e'],
      failedReason: 'TABLE_THROTTLED',
    };
    expect(redactJob(job)).toEqual({
      id: 'a',
      name: 'count-distinct',
      data: { version: 1, request: { start: '2021-10-10' } },
      progress: { percent: 1.5, after: { id: 'b', createdAt: 3 } },
      opts: { attempts: 3, backoff: { type: 'exponential', delay: 1_000 } },
      returnvalue: null,
      stacktrace: [],
      failedReason: 'TABLE_THROTTLED',
    });
  });

  it.each<[unknown, unknown]>([
    ['AccountKey=abc', '(not shown)'],
    ['one two', '(not shown)'],
    ['x'.repeat(41), '(not shown)'],
    [null, null],
    [0, 0],
  ])('is not a text that could be anything: %j', (start, shown) => {
    expect(redactJob({ data: { start } }).data).toEqual({ start: shown });
  });

  it('is not a reason that is no code of ours', () => {
    expect(redactJob({ failedReason: 'connect ECONNREFUSED 10.0.0.1' }).failedReason).toBe('(not shown)');
    expect(redactJob({ failedReason: 'job stalled more than allowable limit' }).failedReason).toMatch(/stalled/);
  });
});
