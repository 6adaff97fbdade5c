import { describe, expect, it } from 'vitest';
import { toRetryDelayMs } from './retry-delay';

describe('toRetryDelayMs', () => {
  it.each([
    [0, undefined, 0, 50],
    [0, undefined, 1, 100],
    [3, undefined, 1, 800],
    [3, undefined, 0, 400],
    [50, undefined, 1, 1_000],
    [0, 2_000, 0.5, 2_000],
    [0, 3_600_000, 0.5, 10_000],
  ])('attempt %i, Retry-After %s ms, random %d: %i ms', (attempt, retryAfterMs, random, expected) => {
    expect(toRetryDelayMs(attempt, retryAfterMs, random)).toBe(expected);
  });
});
