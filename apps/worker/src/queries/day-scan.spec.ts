import { describe, expect, it } from 'vitest';
import type { CalendarDay } from '#shared/contract/calendar-day';
import { type ContinuationToken, type KeyRange, type Page, scanDay } from './day-scan';
import { createIdentifierHash } from './identifier-hash';

const NEVER = new AbortController().signal;
const DAY = '2021-12-31' as CalendarDay;
const hash = createIdentifierHash('a key for tests, of more than 32 characters');

function scan(script: (after: ContinuationToken | undefined) => Page, asked: KeyRange[] = []) {
  const pages = {
    read: async (range: KeyRange, after: ContinuationToken | undefined) => {
      asked.push(range);
      return script(after);
    },
  };
  return scanDay(DAY, 7, { pages, hash }, () => {}, NEVER);
}

const token = (rowKey: number): ContinuationToken => ({ partitionKey: DAY, rowKey: String(rowKey) });

describe('scanDay', () => {
  it('asks for every key that begins with the day', async () => {
    const asked: KeyRange[] = [];
    await scan(() => ({ identifiers: [], entitiesWithoutIdentifier: 0, next: undefined }), asked);
    expect(asked).toEqual([{ from: '2021-12-31', to: '2022-01-01' }]);
  });

  it('goes on over pages that are empty', async () => {
    const pages: Page[] = [
      { identifiers: ['a'], entitiesWithoutIdentifier: 0, next: token(1) },
      { identifiers: [], entitiesWithoutIdentifier: 0, next: token(2) },
      { identifiers: ['a', 'b'], entitiesWithoutIdentifier: 3, next: undefined },
    ];
    const daySet = await scan((after) => pages[Number(after?.rowKey ?? 0)] as Page);
    expect({ ...daySet, identifiers: daySet.identifiers.length }).toEqual({
      scannedAt: 7,
      entitiesRead: 6,
      entitiesWithoutIdentifier: 3,
      identifiers: 2 * 16,
    });
  });

  it.each([1, 2, 5])('finds that tokens go round in a circle of %i', async (length) => {
    const next = (after: ContinuationToken | undefined) => token((Number(after?.rowKey ?? 0) + 1) % length);
    const run = scan((after) => ({ identifiers: [], entitiesWithoutIdentifier: 0, next: next(after) }));
    await expect(run).rejects.toMatchObject({ code: 'TABLE_PROTOCOL' });
  });
});
