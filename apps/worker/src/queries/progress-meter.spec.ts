import { describe, expect, it } from 'vitest';
import type { CalendarDay } from '#shared/contract/calendar-day';
import { ProgressMeter } from './progress-meter';

const day = (text: string) => text as CalendarDay;
const A = day('2021-10-10');
const B = day('2021-10-11');
const C = day('2021-10-12');

function createMeter(sizes: [CalendarDay, number][], earlier = {}) {
  const clock = { now: 0 };
  return { clock, meter: new ProgressMeter([A, B, C], new Map(sizes), earlier, () => clock.now) };
}

describe('ProgressMeter', () => {
  it('weighs days by their size', () => {
    const { meter } = createMeter([
      [A, 799],
      [B, 99],
      [C, 99],
    ]);
    meter.dayDone(A, 799, false, 10);
    expect(meter.read()).toEqual({
      percent: 80,
      daysTotal: 3,
      daysDone: 1,
      daysReused: 0,
      entitiesRead: 799,
      etaSeconds: 0,
      atLeast: 10,
    });
  });

  it('estimates the size of an unknown day from the known ones', () => {
    const { meter } = createMeter([
      [A, 100],
      [B, 300],
    ]);
    expect([A, B, C].map((one) => meter.weightOf(one))).toEqual([101, 301, 201]);
  });

  it('counts pages of days that are not done', () => {
    const { meter } = createMeter([
      [A, 999],
      [B, 999],
      [C, 999],
    ]);
    meter.pageRead(B, 500);
    expect(meter.read()).toMatchObject({ percent: 16.6, entitiesRead: 500, daysDone: 0 });
    meter.dayDone(B, 500, false, 1);
    expect(meter.read()).toMatchObject({ percent: 33.3, entitiesRead: 500, daysDone: 1 });
  });

  it('never decreases, with wrong estimates or after an earlier run', () => {
    const { meter } = createMeter([[A, 10]], { percent: 50, atLeast: 7 });
    meter.pageRead(A, 10_000);
    expect(meter.read()).toMatchObject({ percent: 50, atLeast: 7 });
    meter.dayDone(A, 10_000, false, 3);
    expect(meter.read()).toMatchObject({ percent: 50, atLeast: 7 });
  });

  it('stays below 100 before the end', () => {
    const { meter } = createMeter([]);
    for (const one of [A, B, C]) meter.dayDone(one, 5, true, 3);
    expect(meter.read()).toMatchObject({ percent: 99.9, daysReused: 3 });
    expect(meter.readComplete(4)).toMatchObject({ percent: 100, etaSeconds: 0, atLeast: 4 });
  });

  it('estimates the remaining time once a tenth of the days to scan is read', () => {
    const { meter, clock } = createMeter([
      [A, 999],
      [B, 999],
      [C, 999],
    ]);
    meter.dayDone(A, 999, true, 1);
    meter.startScanning();
    clock.now = 10_000;
    meter.pageRead(B, 199);
    expect(meter.read().etaSeconds).toBeNull();
    meter.pageRead(B, 201);
    expect(meter.read().etaSeconds).toBe(40);
  });
});
