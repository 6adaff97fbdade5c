import { beforeAll, describe, expect, it } from 'vitest';
import { type CalendarDay, listDays } from '#shared/contract/calendar-day';
import type { DayCheckpoint, DaySet, DaySetHead, DaySets } from '#shared/contract/day-set';
import type { DayRecord } from '#shared/contract/query-history';
import type { PageSource, SlotClaim } from './day-scan';
import { createIdentifierHash, type IdentifierHash } from './identifier-hash';
import { forEachBounded, type QueryInput, runQuery } from './run-query';
import { SharedScans } from './shared-scans';

const NEVER = new AbortController().signal;
let hash: IdentifierHash;
beforeAll(async () => {
  hash = await createIdentifierHash('a key for tests, of more than 32 characters');
});

/** Day sets of up to two identifiers are returned whole with their head. */
function toHead([day, daySet]: [CalendarDay, DaySet]): [CalendarDay, DaySet | DaySetHead] {
  const { identifiers, ...head } = daySet;
  return [day, identifiers.length <= 32 ? daySet : head];
}

/** A table and day sets in memory, with a clock that is set by hand. */
function createWorld(table: Record<string, (string | null)[]>) {
  const stored = new Map<CalendarDay, DaySet>();
  const checkpoints = new Map<CalendarDay, DayCheckpoint>();
  const scanned: string[] = [];
  const world = {
    now: 1_000,
    stored,
    scanned,
    reads: 0,
    claims: new Map<string, SlotClaim[]>(),
    pageRead: async (_day: string) => {},
  };
  const pages: PageSource = {
    async read({ from, claims }, after) {
      world.claims.set(from, [...claims]);
      if (after === undefined) scanned.push(from);
      await world.pageRead(from);
      const rows = table[from] ?? [];
      const at = Number(after?.rowKey ?? 0);
      const page = rows.slice(at, at + 2);
      const identifiers = page.filter((row) => row !== null);
      return {
        identifiers,
        entitiesWithoutIdentifier: page.length - identifiers.length,
        next: at + 2 < rows.length ? { partitionKey: from, rowKey: String(at + 2) } : undefined,
      };
    },
  };
  const daySets: DaySets = {
    readHeads: async (days) => new Map([...stored].filter(([day]) => days.includes(day)).map(toHead)),
    read: async (day) => {
      world.reads += 1;
      return stored.get(day);
    },
    readStart: async (day) => ({ now: world.now, head: stored.get(day), checkpoint: checkpoints.get(day) }),
    write: async (day, daySet) => {
      stored.set(day, daySet);
      checkpoints.delete(day);
      return true;
    },
    openCheckpoint: (day, resumed) => {
      let identifiers = resumed?.identifiers ?? new Uint8Array();
      return {
        save: async (position, added) => {
          identifiers = Buffer.concat([identifiers, added]);
          checkpoints.set(day, { ...position, identifiers });
          return true;
        },
        discard: async () => void checkpoints.delete(day),
      };
    },
  };
  const scans = new SharedScans({ daySets, pages, hash });
  const told: DayRecord[] = [];
  const run = async (asked: object, query: Partial<QueryInput> = {}, signal = NEVER, daysAtOnce = 2) => {
    const request = { start: '2021-10-10', end: '2021-10-12', maxAgeSeconds: 0, ...asked } as QueryInput['request'];
    const heads = await daySets.readHeads(listDays(request.start, request.end));
    return runQuery(
      { request, createdAt: world.now, earlier: {}, heads, ...query },
      {
        daySets,
        daysAtOnce,
        onStart: () => {},
        onDay: (record) => told.push(record),
        onCheckpoint: () => {},
        scanDay: (...args) => scans.scan(...args),
      },
      signal,
    );
  };

  return { ...world, world, told, run };
}

const TABLE = {
  '2021-10-10': ['a', 'b', 'a'],
  '2021-10-11': ['b', 'B', null, 'c', 'd'],
  '2021-10-13': ['z'],
};

describe('runQuery', () => {
  it('counts distinct identifiers over the range, case-sensitively, and the entities without one', async () => {
    const { run } = createWorld(TABLE);
    expect(await run({})).toEqual({
      result: {
        count: 5,
        entitiesRead: 8,
        entitiesWithoutIdentifier: 1,
        daysScanned: 3,
        daysReused: 0,
        oldestScanAt: new Date(1_000).toISOString(),
      },
      progress: { percent: 100, daysTotal: 3, daysDone: 3, daysReused: 0, entitiesRead: 8, etaSeconds: 0, atLeast: 5 },
    });
  });

  it('claims the pages of all its days as one query, and marks the largest day as urgent', async () => {
    const giant = Array.from({ length: 60 }, (_, i) => `id-${i}`);
    const { world, run } = createWorld({ ...TABLE, '2021-10-12': giant });
    const days = { start: '2021-10-09', end: '2021-10-14' };
    await run(days, {}, NEVER, 32);
    world.now = 2_000;
    world.claims.clear();
    await run(days, {}, NEVER, 32);
    const claims = [...world.claims].map(([day, [claim, ...others]]) => ({ day, claim, others }));
    expect(claims.filter(({ claim }) => claim?.isUrgent).map(({ day }) => day)).toEqual(['2021-10-12']);
    expect(claims.flatMap(({ others }) => others)).toEqual([]);
    expect(new Set(claims.map(({ claim }) => claim?.query)).size).toBe(1);
    expect(claims).toHaveLength(6);
  });

  it('reuses and counts a day that was scanned within the age that the query allows', async () => {
    const { world, run } = createWorld(TABLE);
    await run({ end: '2021-10-10' });
    world.now = 11_000;
    world.scanned.length = 0;
    const { result } = await run({ maxAgeSeconds: 10 });
    expect(world.scanned.sort()).toEqual(['2021-10-11', '2021-10-12']);
    expect(result).toMatchObject({
      count: 5,
      daysScanned: 2,
      daysReused: 1,
      oldestScanAt: new Date(1_000).toISOString(),
    });
  });

  it('does not read a day set again that came whole with its head', async () => {
    const { world, run } = createWorld(TABLE);
    await run({ end: '2021-10-11' });
    world.now = 11_000;
    const { result } = await run({ end: '2021-10-11', maxAgeSeconds: 10 });
    expect([result.count, result.daysReused, world.reads]).toEqual([5, 2, 1]);
  });

  it('reports the source and the effort of each day', async () => {
    const { world, run, told } = createWorld(TABLE);
    await run({ end: '2021-10-11' });
    world.now = 11_000;
    const milliseconds = expect.any(Number) as number;
    const nothing = { pages: 0, milliseconds, retries: 0, throttles: 0 };
    expect(told.sort((a, b) => (a.day < b.day ? -1 : 1))).toEqual([
      { ...nothing, day: '2021-10-10', source: 'scanned', entities: 3, pages: 2 },
      { ...nothing, day: '2021-10-11', source: 'scanned', entities: 5, pages: 3 },
    ]);
    told.length = 0;
    await run({ end: '2021-10-10', maxAgeSeconds: 10 });
    await run({ end: '2021-10-10' }, { createdAt: 1_000 });
    world.pageRead = async () => Promise.reject(new Error('cut'));
    await expect(run({ start: '2021-10-13', end: '2021-10-13' })).rejects.toThrow('cut');
    expect(told).toEqual([
      { ...nothing, day: '2021-10-10', source: 'reused', entities: 3 },
      { ...nothing, day: '2021-10-10', source: 'stored', entities: 3 },
      { ...nothing, day: '2021-10-13', source: 'interrupted', entities: 0 },
    ]);
  });

  it('continues with the days of another query that failed, and counts them as reused', async () => {
    const { world, run } = createWorld(TABLE);
    await run({ end: '2021-10-11' });
    world.now = 11_000;
    world.scanned.length = 0;
    const { result } = await run({}, { freshAsOf: 1_000 });
    expect(world.scanned).toEqual(['2021-10-12']);
    const oldestScanAt = new Date(1_000).toISOString();
    expect(result).toMatchObject({ count: 5, daysScanned: 1, daysReused: 2, oldestScanAt });
    expect((await run({}, { freshAsOf: 1_001 })).result).toMatchObject({ daysReused: 0 });
  });

  it('reads a day again that is a millisecond older than the query allows', async () => {
    const { world, run } = createWorld(TABLE);
    await run({ end: '2021-10-10' });
    world.now = 11_001;
    expect((await run({ maxAgeSeconds: 10 })).result).toMatchObject({ daysScanned: 3, daysReused: 0 });
  });

  it('continues with the days of a run that failed, and does not count them as reused', async () => {
    const { world, run } = createWorld(TABLE);
    world.pageRead = async (day) => {
      if (day === '2021-10-12') throw new Error('cut');
    };
    const createdAt = world.now;
    await expect(run({})).rejects.toThrow('cut');
    world.pageRead = async () => {};
    world.now = 5_000;
    const before = world.scanned.length;
    const { result } = await run({}, { createdAt });
    expect(world.scanned.slice(before)).toContain('2021-10-12');
    expect(world.scanned.slice(before)).not.toContain('2021-10-10');
    expect(result).toMatchObject({ count: 5, daysScanned: 3, daysReused: 0 });
  });

  it('reports its own days as scanned, no earlier than its creation, after the clock went back', async () => {
    const { world, run } = createWorld(TABLE);
    const createdAt = world.now;
    world.now = 400;
    const times = { daysScanned: 3, daysReused: 0, oldestScanAt: new Date(createdAt).toISOString() };
    expect((await run({}, { createdAt })).result).toMatchObject(times);
    expect(world.scanned).toHaveLength(3);
    // A second run; the first one stored all days.
    expect((await run({}, { createdAt })).result).toMatchObject(times);
    expect(world.scanned).toHaveLength(3);
  });

  it('scans the largest days first if their sizes are known', async () => {
    const { world, run } = createWorld(TABLE);
    await run({});
    world.scanned.length = 0;
    world.now = 2_000;
    await run({});
    expect(world.scanned).toEqual(['2021-10-11', '2021-10-10', '2021-10-12']);
  });

  it('rejects with the reason of its signal', async () => {
    const { world, run } = createWorld(TABLE);
    const controller = new AbortController();
    world.pageRead = async () => controller.abort(new Error('terminated'));
    await expect(run({}, {}, controller.signal)).rejects.toThrow('terminated');
  });

  it('counts 0 in an empty range', async () => {
    const { run } = createWorld({});
    expect((await run({})).result).toMatchObject({ count: 0, entitiesRead: 0, daysScanned: 3 });
  });
});

describe('forEachBounded', () => {
  it('calls for every item, in order, never more at once than allowed', async () => {
    const begun: number[] = [];
    let running = 0;
    let most = 0;
    await forEachBounded([1, 2, 3, 4, 5, 6, 7], 3, NEVER, async (item) => {
      begun.push(item);
      most = Math.max(most, (running += 1));
      await Promise.resolve();
      running -= 1;
    });
    expect(begun).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(most).toBe(3);
  });

  it('aborts the others when one fails, starts no more, and waits for those that were started', async () => {
    const ended: string[] = [];
    const begun: number[] = [];
    const run = forEachBounded([1, 2, 3], 2, NEVER, async (item, signal) => {
      begun.push(item);
      if (item === 1) throw new Error('first');
      await new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('second'))));
    }).finally(() => ended.push('all'));
    await expect(run).rejects.toThrow('first');
    expect(begun).toEqual([1, 2]);
    expect(ended).toEqual(['all']);
  });

  it('rejects with the reason of the abort', async () => {
    const controller = new AbortController();
    const run = forEachBounded([1, 2], 1, controller.signal, async () => controller.abort(new Error('enough')));
    await expect(run).rejects.toThrow('enough');
    await expect(forEachBounded([1], 1, controller.signal, async () => {})).rejects.toThrow('enough');
  });

  it('resolves without items', async () => {
    await expect(forEachBounded([], 3, NEVER, async () => {})).resolves.toBeUndefined();
  });
});
