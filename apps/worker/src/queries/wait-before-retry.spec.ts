import { describe, expect, it } from 'vitest';
import { toRetryWaitMs, waitBeforeRetry } from './wait-before-retry';

describe('toRetryWaitMs', () => {
  it.each([
    [0, 1_000],
    [1, 2_000],
    [4, 16_000],
    [5, 30_000],
    [50, 30_000],
    [5_000, 30_000],
  ])('after %i attempts: %i ms', (attemptsMade, expected) => {
    expect(toRetryWaitMs(attemptsMade)).toBe(expected);
  });
});

describe('waitBeforeRetry', () => {
  it('rejects at once with the reason of the signal', async () => {
    const controller = new AbortController();
    const waiting = waitBeforeRetry(50, controller.signal);
    controller.abort(new Error('drain'));
    await expect(waiting).rejects.toThrow('drain');
  });
});
