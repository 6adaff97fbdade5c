import { describe, expect, it } from 'vitest';
import { noProgress, type QueryState } from '#shared/contract/query-document';
import { toRetryAfterSeconds } from './retry-after';

function state(startedAt: number | null, etaSeconds: number | null): QueryState {
  return { createdAt: 0, startedAt, progress: { ...noProgress(1), etaSeconds } } as QueryState;
}

describe('toRetryAfterSeconds', () => {
  it.each<[string, QueryState, number, number]>([
    ['is short at first', state(null, null), 0, 1],
    ['grows while the query waits', state(null, null), 30_000, 6],
    ['grows while nothing is known', state(10_000, null), 60_000, 10],
    ['follows the time that is left', state(0, 100), 1_000, 20],
    ['is short when nearly done', state(0, 2), 400_000, 1],
    ['is at most a minute', state(null, null), 86_400_000, 60],
    ['is at least a second, also for a clock that is behind', state(5_000, null), 0, 1],
  ])('%s', (_name, query, now, expected) => {
    expect(toRetryAfterSeconds(query, now)).toBe(expected);
  });
});
