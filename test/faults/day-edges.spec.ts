import { describe, expect, it } from 'vitest';
import type { FaultRule } from '../support/table-double/fault-rules';
import { onStage } from './harness/on-stage';
import { profile } from './harness/profile';

/** Keys of the table, each with its own number of entities, so that a wrong count identifies the wrong key. */
const OF_DAYS: Record<string, Record<string, number>> = {
  '2021-11-29': { '2021-11-29': 1_500 },
  '2021-11-30': { '2021-11-30': 2_500, '2021-11-30-b': 1_200, '2021-11-30\uffff': 3 },
  '2021-12-01': { '2021-12-01': 1_100 },
  '2021-12-08': { '2021-12-08\u{1f600}': 7 },
  '2021-12-09': { '2021-12-09': 2_500, "2021-12-09'": 13, '2021-12-09-b': 1_300, '2021-12-09\uffff': 17 },
  '2021-12-10': { '2021-12-10': 1_400 },
};
/** Keys of no day, between two days of the range or next to it. */
const OF_NO_DAY = {
  '2021-11': 101,
  '2021-11-2': 103,
  '2021-11-31': 107,
  '2021-11-9': 1_109,
  '2021-11-summary': 113,
  '2021-12': 127,
  '2021-12-0': 131,
  '2021-12-0:': 137,
  '2021-12-0\uffff': 139,
  '2021-12-1': 1_149,
  '2021-12-1-b': 151,
  '2021-12-11': 157,
};

const partitions = [...Object.values(OF_DAYS), OF_NO_DAY].flatMap((keys) =>
  Object.entries(keys).map(([key, entities]) => ({ key, entities })),
);
const rows = { partitions, distinctIdentifiers: 9_000, withoutIdentifier: 0.01 };

const WHOLE = { start: '2021-11-29', end: '2021-12-10' };
const toDay = (day: string) => ({ start: day, end: day });

function countEntities(days: readonly string[]): number {
  return days.flatMap((day) => Object.values(OF_DAYS[day] ?? {})).reduce((sum, entities) => sum + entities, 0);
}

const LATE: FaultRule = { fault: { kind: 'latency', ms: 40 } };
const FAULTS: FaultRule[] = [
  { fault: { kind: 'status', status: 503 }, probability: 0.2 },
  { fault: { kind: 'partition-boundary' } },
  { fault: { kind: 'short-page' } },
  { fault: { kind: 'cut-body' }, probability: 0.1 },
];

describe('keys at the edges of days', () => {
  it('count for the day that they begin with, or for none, while the table throttles and cuts pages', () =>
    onStage({ rows, env: { PAGE_RETRY_SECONDS: '20' } }, async (stage) => {
      for (const rule of FAULTS) {
        await stage.double.configure({ faults: [rule] });
        for (const range of [WHOLE, toDay('2021-11-30'), toDay('2021-12-09')]) {
          const { status, result } = await stage.waitForEnd(await stage.callers[0].submitUntilAccepted(range));
          const days = Object.keys(OF_DAYS).filter((day) => day >= range.start && day <= range.end);
          const document = { rule, ...range, status, entitiesRead: result?.entitiesRead };
          expect(document).toEqual({ rule, ...range, status: 'Completed', entitiesRead: countEntities(days) });
        }
      }
    }));

  it('count once, for their day, although the worker is killed during the scan', () =>
    onStage({ rows, env: { PAGE_RETRY_SECONDS: '20' } }, async (stage) => {
      const cut: FaultRule = { fault: { kind: 'partition-boundary' } };
      await stage.double.configure({
        faults: [LATE, cut, { fault: { kind: 'status', status: 503 }, probability: 0.1 }],
      });
      const id = await stage.callers[0].submitUntilAccepted(WHOLE);
      await stage.waitFor(id, 'two days to be done', ({ progress }) => progress.daysDone >= 2, profile.settleMs);
      await stage.end(stage.workers[0]!, 'SIGKILL');
      await stage.addWorker();
      const { status, result } = await stage.waitForEnd(id);
      expect({ status, entitiesRead: result?.entitiesRead }).toEqual({
        status: 'Completed',
        entitiesRead: countEntities(Object.keys(OF_DAYS)),
      });
    }));
});
