import { describe, expect, it } from 'vitest';
import { noProgress, type QueryState } from '#shared/contract/query-document';
import { toRetryAfterSeconds } from './retry-after';

function state(startedAt: number | null, etaSeconds: number | null): QueryState {
  return { createdAt: 0, startedAt, progress: { ...noProgress(1), etaSeconds } } as QueryState;
}

describe('toRetryAfterSeconds', () => {
  it.each<[string, QueryState, number, number, number]>([
    ['is short at first', state(null, null), 0, 0, 1],
    ['grows while the query waits', state(null, null), 0, 30_000, 6],
    ['grows with how many wait', state(null, null), 100, 0, 10],
    ['has nothing to do with those who wait once the query runs', state(0, 20), 5_000, 0, 4],
    ['grows while nothing is known', state(10_000, null), 0, 60_000, 10],
    ['follows the time that is left', state(0, 100), 0, 1_000, 20],
    ['is short when nearly done', state(0, 2), 0, 400_000, 1],
    ['is at most a minute', state(null, null), 0, 86_400_000, 60],
    ['is at least a second, also for a clock that is behind', state(5_000, null), 0, 0, 1],
  ])('%s', (_name, query, waiting, now, expected) => {
    expect(toRetryAfterSeconds(query, waiting, now, 0.5)).toBe(expected);
  });

  it('is spread by a quarter', () => {
    expect(toRetryAfterSeconds(state(0, 200), 0, 0, 0)).toBe(35);
    expect(toRetryAfterSeconds(state(0, 200), 0, 0, 1)).toBe(45);
  });
});
