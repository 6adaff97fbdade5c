import { beforeAll, describe, expect, it } from 'vitest';
import type { CalendarDay } from '#shared/contract/calendar-day';
import type { ContinuationToken, DayCheckpoint, DayPosition } from '#shared/contract/day-set';
import { type PageRange, type Page, scanDay } from './day-scan';
import { createIdentifierHash, type IdentifierHash } from './identifier-hash';

const NEVER = new AbortController().signal;
const DAY = '2021-12-31' as CalendarDay;
let hash: IdentifierHash;
beforeAll(async () => {
  hash = await createIdentifierHash('a key for tests, of more than 32 characters');
});

interface Saved extends DayPosition {
  addedBytes: number;
}

function scan(
  script: (after: ContinuationToken | undefined) => Page,
  {
    asked = [],
    saved = [],
    resumed,
    isStored = () => true,
  }: { asked?: PageRange[]; saved?: Saved[]; resumed?: DayCheckpoint; isStored?: () => boolean } = {},
) {
  const pages = {
    read: async (range: PageRange, after: ContinuationToken | undefined) => {
      asked.push(range);
      return script(after);
    },
  };
  const checkpoint = {
    save: async (position: DayPosition, added: Uint8Array) => {
      saved.push({ ...position, addedBytes: added.length });
      return isStored();
    },
    discard: async () => void saved.splice(0),
  };
  return scanDay(
    DAY,
    { scannedAt: 7, demandedAt: 5, resumed, checkpoint, claims: [] },
    { pages, hash },
    () => {},
    NEVER,
  );
}

const token = (rowKey: number): ContinuationToken => ({ partitionKey: DAY, rowKey: String(rowKey) });

describe('scanDay', () => {
  it('requests every key that begins with the day', async () => {
    const asked: PageRange[] = [];
    await scan(() => ({ identifiers: [], entitiesWithoutIdentifier: 0, next: undefined }), { asked });
    expect(asked).toEqual([{ from: '2021-12-31', to: '2021-12-32', claims: [] }]);
  });

  it('continues after empty pages', async () => {
    const pages: Page[] = [
      { identifiers: ['a'], entitiesWithoutIdentifier: 0, next: token(1) },
      { identifiers: [], entitiesWithoutIdentifier: 0, next: token(2) },
      { identifiers: ['a', 'b'], entitiesWithoutIdentifier: 3, next: undefined },
    ];
    const daySet = await scan((after) => pages[Number(after?.rowKey ?? 0)] as Page);
    expect({ ...daySet, identifiers: daySet.identifiers.length }).toEqual({
      scannedAt: 7,
      demandedAt: 5,
      entitiesRead: 6,
      entitiesWithoutIdentifier: 3,
      identifiers: 2 * 16,
    });
  });

  it.each([1, 2, 5])('throws TABLE_PROTOCOL when the tokens form a circle of %i', async (length) => {
    const next = (after: ContinuationToken | undefined) => token((Number(after?.rowKey ?? 0) + 1) % length);
    const run = scan((after) => ({ identifiers: [], entitiesWithoutIdentifier: 0, next: next(after) }));
    await expect(run).rejects.toMatchObject({ code: 'TABLE_PROTOCOL' });
  });

  it.each([1, 2, 3, 10, 49, 70])('reads no page twice when page %i once returns its own token', async (at) => {
    const asked: PageRange[] = [];
    const saved: Saved[] = [];
    const run = scan(
      (after) => {
        const page = Number(after?.rowKey ?? 0);
        const isRepeated = page === at && asked.length === at + 1;
        const next = isRepeated ? token(page) : page < 99 ? token(page + 1) : undefined;
        return { identifiers: [`id-${page}`], entitiesWithoutIdentifier: 0, next };
      },
      { asked, saved },
    );
    await expect(run).rejects.toMatchObject({ code: 'TABLE_PROTOCOL' });
    expect(asked).toHaveLength(at + 1);
    expect(saved).toEqual([]);
  });

  it.each([2, 3, 30, 60])('reads no page twice when a token once leads back by %i pages', async (by) => {
    const asked: PageRange[] = [];
    const run = scan(
      (after) => {
        const page = Number(after?.rowKey ?? 0);
        const next = asked.length === 70 ? token(page + 1 - by) : page < 99 ? token(page + 1) : undefined;
        return { identifiers: [`id-${page}`], entitiesWithoutIdentifier: 0, next };
      },
      { asked },
    );
    await expect(run).rejects.toMatchObject({ code: 'TABLE_PROTOCOL' });
    expect(asked).toHaveLength(70);
  });

  describe('that is resumed, when a token once leads back to before the resumption', () => {
    const PAGES = 200;
    /** A page without a fault. */
    const readPage = (after: ContinuationToken | undefined): Page => {
      const page = Number(after?.rowKey ?? 0);
      const next = page < PAGES - 1 ? token(page + 1) : undefined;
      return { identifiers: [`id-${page}`], entitiesWithoutIdentifier: 0, next };
    };

    /** Scans from `resumed` for so many pages and stops. @returns The checkpoint that it leaves. */
    async function scanPart(resumed: DayCheckpoint | undefined, pages: number, leadsBackTo?: number) {
      const saved: Saved[] = [];
      const asked: PageRange[] = [];
      const part = scan(
        (after) => {
          if (asked.length > pages) throw new Error('cut');
          const page = readPage(after);
          return asked.length === 1 && leadsBackTo !== undefined ? { ...page, next: token(leadsBackTo) } : page;
        },
        { saved, asked, ...(resumed && { resumed }) },
      );
      await expect(part).rejects.toThrow('cut');
      const { addedBytes, ...position } = saved.at(-1)!;
      return { ...position, identifiers: new Uint8Array(addedBytes) } as DayCheckpoint;
    }

    it.each([
      ['one scan continues', 0],
      ['another scan continues', 1],
      ['a third scan continues', 2],
    ])('ends as TABLE_PROTOCOL, and counts no page twice, when %s', async (_name, interruptions) => {
      let checkpoint = await scanPart(undefined, 60);
      checkpoint = await scanPart(checkpoint, 20);
      checkpoint = await scanPart(checkpoint, 10, 30);
      for (let i = 0; i < interruptions; i += 1) checkpoint = await scanPart(checkpoint, 5);
      await expect(scan(readPage, { resumed: checkpoint })).rejects.toMatchObject({ code: 'TABLE_PROTOCOL' });
      // The checkpoint could not be deleted, and a scan resumes from it again.
      await expect(scan(readPage, { resumed: checkpoint })).rejects.toMatchObject({ code: 'TABLE_PROTOCOL' });
    });
  });

  it('stores its last pages when it stops after a checkpoint that could not be stored', async () => {
    const saved: Saved[] = [];
    const stopped = scan(
      (after) => {
        const page = Number(after?.rowKey ?? 0);
        if (page === 50) throw new Error('cut');
        return { identifiers: [`id-${page}`], entitiesWithoutIdentifier: 0, next: token(page + 1) };
      },
      { saved, isStored: () => saved.length > 1 },
    );
    await expect(stopped).rejects.toThrow('cut');
    expect(saved.map(({ entitiesRead, addedBytes }) => [entitiesRead, addedBytes / 16])).toEqual([
      [50, 50],
      [50, 50],
    ]);
  });

  it('stores a checkpoint every 50 pages, with the identifiers that are new', async () => {
    const saved: Saved[] = [];
    const at = (after: ContinuationToken | undefined) => Number(after?.rowKey ?? 0);
    await scan(
      (after) => ({
        identifiers: [`id-${at(after) % 60}`],
        entitiesWithoutIdentifier: 1,
        next: at(after) < 120 ? token(at(after) + 1) : undefined,
      }),
      { saved },
    );
    expect(saved).toEqual([
      {
        scannedAt: 7,
        demandedAt: 5,
        entitiesRead: 100,
        entitiesWithoutIdentifier: 50,
        after: token(50),
        resumedAfter: [],
        addedBytes: 50 * 16,
      },
      {
        scannedAt: 7,
        demandedAt: 5,
        entitiesRead: 200,
        entitiesWithoutIdentifier: 100,
        after: token(100),
        resumedAfter: [],
        addedBytes: 10 * 16,
      },
    ]);
  });

  it('stores again the identifiers that could not be stored before', async () => {
    const saved: Saved[] = [];
    const at = (after: ContinuationToken | undefined) => Number(after?.rowKey ?? 0);
    await scan(
      (after) => ({
        identifiers: [`id-${at(after)}`],
        entitiesWithoutIdentifier: 0,
        next: at(after) < 170 ? token(at(after) + 1) : undefined,
      }),
      { saved, isStored: () => saved.length !== 2 },
    );
    expect(saved.map(({ addedBytes }) => addedBytes / 16)).toEqual([50, 50, 100]);
  });

  it('leaves no checkpoint when the tokens form a circle', async () => {
    const saved: Saved[] = [];
    const next = (after: ContinuationToken | undefined) => token((Number(after?.rowKey ?? 0) + 1) % 60);
    const run = scan((after) => ({ identifiers: ['a'], entitiesWithoutIdentifier: 0, next: next(after) }), { saved });
    await expect(run).rejects.toMatchObject({ code: 'TABLE_PROTOCOL' });
    expect(saved).toEqual([]);
  });

  it('stores a checkpoint when it stops, and resumes there', async () => {
    const saved: Saved[] = [];
    const pages: Page[] = [
      { identifiers: ['a', 'b'], entitiesWithoutIdentifier: 1, next: token(1) },
      { identifiers: ['b', 'c'], entitiesWithoutIdentifier: 0, next: undefined },
    ];
    const stopped = scan(
      (after) => {
        if (after !== undefined) throw new Error('cut');
        return pages[0] as Page;
      },
      { saved },
    );
    await expect(stopped).rejects.toThrow('cut');
    expect(saved).toEqual([
      {
        scannedAt: 7,
        demandedAt: 5,
        entitiesRead: 3,
        entitiesWithoutIdentifier: 1,
        after: token(1),
        resumedAfter: [],
        addedBytes: 32,
      },
    ]);
    const first = await scan(() => ({ ...(pages[0] as Page), next: undefined }));
    const resumed = { ...first, after: token(1), resumedAfter: [] };
    const whole = await scan((after) => pages[Number(after?.rowKey)] as Page, { resumed });
    expect({ ...whole, identifiers: whole.identifiers.length }).toEqual({
      scannedAt: 7,
      demandedAt: 5,
      entitiesRead: 5,
      entitiesWithoutIdentifier: 1,
      identifiers: 3 * 16,
    });
  });
});
