import { describe, expect, it } from 'vitest';
import { toBackOffMs } from '#shared/process/retry';
import { TABLE_BACK_OFF, TableClock } from './page-reader';

const HOUR_MS = 3_600_000;

const at = (offsetMs: number) => new Date(Date.now() + offsetMs).toUTCString();

describe('TableClock', () => {
  it('sends no date while the clocks agree within the tolerance', () => {
    const clock = new TableClock();
    const answers = [undefined, '', 'soon', at(0), at(60_000), at(-60_000)];
    expect(answers.map((date) => clock.correct(clock.read(), date))).not.toContain(true);
    expect(clock.read().headers).toEqual({});
  });

  it.each([2, -2])('dates requests by the table if its clock is %i hours ahead', (hours) => {
    const clock = new TableClock();
    expect(clock.correct(clock.read(), at(hours * HOUR_MS))).toBe(true);
    const offsetMs = Date.parse(clock.read().headers['x-ms-date'] ?? '') - Date.now();
    expect(Math.round(offsetMs / 60_000)).toBe(hours * 60);
  });

  it('follows each change of the clocks, also back', () => {
    const clock = new TableClock();
    const dates = [at(HOUR_MS), at(HOUR_MS), at(2 * HOUR_MS), at(0), at(0)];
    expect(dates.map((date) => clock.correct(clock.read(), date))).toEqual([true, false, true, true, false]);
  });

  it('corrects every request that was in flight with the wrong date', () => {
    const clock = new TableClock();
    const [first, second] = [clock.read(), clock.read()];
    expect([clock.correct(first, at(HOUR_MS)), clock.correct(second, at(HOUR_MS))]).toEqual([true, true]);
  });
});

describe('the delay before a page is read again', () => {
  it.each([
    [0, undefined, 0, 50],
    [0, undefined, 1, 100],
    [3, undefined, 1, 800],
    [3, undefined, 0, 400],
    [50, undefined, 1, 1_000],
    [0, 2_000, 0.5, 2_000],
    [0, 3_600_000, 0.5, 10_000],
  ])('attempt %i, Retry-After %s ms, random %d: %i ms', (attempt, retryAfterMs, random, expected) => {
    expect(toBackOffMs(TABLE_BACK_OFF, attempt, retryAfterMs, random)).toBe(expected);
  });
});
