import { setMaxListeners } from 'node:events';
import { beforeAll, describe, expect, it } from 'vitest';
import type { CalendarDay } from '#shared/contract/calendar-day';
import type { DayCheckpoint, DaySet, DaySets } from '#shared/contract/day-set';
import { QueryFailedError } from '#shared/contract/query-failed-error';
import type { Page, PageRange, SlotClaim } from './day-scan';
import { createIdentifierHash, type IdentifierHash } from './identifier-hash';
import { SharedScans } from './shared-scans';

const DAY = '2021-10-10' as CalendarDay;
/** The interval of checkpoints, in pages. */
const PAGES_PER_CHECKPOINT = 50;
let hash: IdentifierHash;
beforeAll(async () => {
  hash = await createIdentifierHash('a key for tests, of more than 32 characters');
});
const newSignal = () => new AbortController().signal;
/** The claim of a new query. */
const claim = () => ({ query: {}, isUrgent: false });

/** A day whose pages the test releases one by one. */
function createWorld(pagesOfDay = 3) {
  const world = {
    now: 1_000,
    stored: undefined as DaySet | undefined,
    checkpoint: undefined as DayCheckpoint | undefined,
    /** Whether the store rejects day sets. */
    isFull: false,
    asked: [] as (string | undefined)[],
    /** Of the page that was requested last. */
    claims: [] as Iterable<SlotClaim>,
    give: [] as (() => void)[],
    /** Delays the storing of checkpoints. */
    saving: Promise.resolve(),
  };
  const daySets: DaySets = {
    readHeads: async () => new Map(),
    readStart: async () => ({ now: world.now, head: world.stored, checkpoint: world.checkpoint }),
    read: async () => world.stored,
    write: async (_day, daySet) => {
      if (world.isFull) return false;
      world.stored = daySet;
      return true;
    },
    openCheckpoint: () => ({
      save: async (position, identifiers) => {
        await world.saving;
        world.checkpoint = { ...position, identifiers };
        return true;
      },
      discard: async () => void (world.checkpoint = undefined),
    }),
  };
  const pages = {
    read: ({ claims }: PageRange, after: { rowKey?: string } | undefined, signal: AbortSignal) => {
      world.asked.push(after?.rowKey);
      world.claims = claims;
      return new Promise<Page>((resolve, reject) => {
        // The claims of each page, kept.
        setMaxListeners(0, signal);
        signal.addEventListener('abort', () => reject(signal.reason as Error));
        const at = Number(after?.rowKey ?? 0);
        const next = at < pagesOfDay - 1 ? { rowKey: String(at + 1) } : undefined;
        world.give.push(() => resolve({ identifiers: [`id-${at}`, 'all'], entitiesWithoutIdentifier: 0, next }));
      });
    },
  };
  const scans = new SharedScans({ daySets, pages, hash });
  const givePages = async (count: number) => {
    for (let i = 0; i < count; i += 1) {
      while (world.give.length === 0) await new Promise(setImmediate);
      world.give.shift()?.();
    }
  };
  return { world, scans, givePages };
}

const anew = (createdAt: number) => ({ createdAt, maxAgeSeconds: 0 });
const count = ({ identifiers }: DaySet) => identifiers.length / 16;

describe('a day that two queries need at once', () => {
  it('is stored in part for both, and calls both back', async () => {
    const { scans, world, givePages } = createWorld(2 * PAGES_PER_CHECKPOINT);
    const told: string[] = [];
    const controllers = [new AbortController(), new AbortController()] as const;
    const scan = (name: string, { signal }: AbortController) => {
      const onCheckpoint = () => told.push(name);
      return scans.scan(DAY, { demand: anew(900), ...claim(), onPage: () => {}, onCheckpoint }, signal);
    };
    const first = scan('first', controllers[0]);
    await givePages(1);
    const second = scan('second', controllers[1]);
    await givePages(PAGES_PER_CHECKPOINT - 1);
    while (world.checkpoint === undefined) await new Promise(setImmediate);
    await new Promise(setImmediate);
    expect(told).toEqual(['first', 'second']);
    for (const controller of controllers) controller.abort('enough');
    await expect(Promise.allSettled([first, second])).resolves.toMatchObject([
      { reason: 'enough' },
      { reason: 'enough' },
    ]);
  });

  it('is read once, and reports its pages to both', async () => {
    const { scans, world, givePages } = createWorld();
    const told: number[][] = [[], []];
    const first = scans.scan(
      DAY,
      { demand: anew(900), ...claim(), onPage: (entities) => told[0]?.push(entities) },
      newSignal(),
    );
    await givePages(1);
    while (world.asked.length < 2) await new Promise(setImmediate);
    const second = scans.scan(
      DAY,
      { demand: anew(1_000), ...claim(), onPage: (entities) => told[1]?.push(entities) },
      newSignal(),
    );
    await givePages(2);
    const daySets = await Promise.all([first, second]);
    expect(daySets.map(count)).toEqual([4, 4]);
    expect(world.asked).toEqual([undefined, '1', '2']);
    expect(told.map((pages) => pages.reduce((sum, entities) => sum + entities, 0))).toEqual([6, 6]);
  });

  it('is read twice when the first reading began before the second query was submitted', async () => {
    const { scans, world, givePages } = createWorld();
    const first = scans.scan(DAY, { demand: anew(900), ...claim(), onPage: () => {} }, newSignal());
    await givePages(1);
    world.now = 2_000;
    const second = scans.scan(DAY, { demand: anew(1_500), ...claim(), onPage: () => {} }, newSignal());
    await givePages(5);
    expect((await first).scannedAt).toBe(1_000);
    expect((await second).scannedAt).toBe(2_000);
    expect(world.asked.filter((after) => after === undefined)).toHaveLength(2);
  });

  it('is read on for one query when the other is stopped, also for the one that joined', async () => {
    const { scans, world, givePages } = createWorld();
    const controller = new AbortController();
    const first = scans.scan(DAY, { demand: anew(900), ...claim(), onPage: () => {} }, controller.signal);
    await givePages(1);
    let told = 0;
    const second = scans.scan(
      DAY,
      { demand: anew(900), ...claim(), onPage: (entities) => (told += entities) },
      newSignal(),
    );
    // A query that has joined gets a report of the pages before.
    while (told === 0) await new Promise(setImmediate);
    controller.abort(new Error('terminated'));
    await expect(first).rejects.toThrow('terminated');
    await givePages(2);
    expect(count(await second)).toBe(4);
    expect(world.asked).toEqual([undefined, '1', '2']);
  });
});

describe('a page of a day that two queries need', () => {
  it('is claimed by both for as long as both wait, with the urgency of each', async () => {
    const { scans, world, givePages } = createWorld();
    const controller = new AbortController();
    const claims = { first: claim(), second: { ...claim(), isUrgent: true } };
    const listClaims = () => [...world.claims].map(({ query, isUrgent }) => ({ query, isUrgent }));
    const first = scans.scan(DAY, { demand: anew(900), ...claims.first, onPage: () => {} }, controller.signal);
    await givePages(1);
    let told = 0;
    const onPage = (entities: number) => (told += entities);
    const second = scans.scan(DAY, { demand: anew(900), ...claims.second, onPage }, newSignal());
    expect(listClaims()).toEqual([claims.first]);
    while (told === 0) await new Promise(setImmediate);
    expect(listClaims()).toEqual([claims.first, claims.second]);
    controller.abort(new Error('terminated'));
    await expect(first).rejects.toThrow('terminated');
    expect(listClaims()).toEqual([claims.second]);
    await givePages(2);
    await second;
  });
});

describe('a day that is read to its end', () => {
  it.each([
    ['calls back all queries that wait for it when it is stored', false, ['first', 'second']],
    ['calls none back when it is not stored', true, []],
  ])('%s', async (_name, isFull, expected) => {
    const { scans, world, givePages } = createWorld();
    world.isFull = isFull;
    const told: string[] = [];
    const scan = (name: string) => {
      const onCheckpoint = () => told.push(name);
      return scans.scan(DAY, { demand: anew(900), ...claim(), onPage: () => {}, onCheckpoint }, newSignal());
    };
    const first = scan('first');
    await givePages(1);
    const second = scan('second');
    await givePages(2);
    await Promise.all([first, second]);
    expect(told).toEqual(expected);
  });
});

describe('a day that many queries need', () => {
  it('is joined by a third query while the second still waits, after the first has left', async () => {
    const { scans, world, givePages } = createWorld();
    const controller = new AbortController();
    const first = scans.scan(DAY, { demand: anew(900), ...claim(), onPage: () => {} }, controller.signal);
    await givePages(1);
    let told = 0;
    const second = scans.scan(
      DAY,
      { demand: anew(900), ...claim(), onPage: (entities) => (told += entities) },
      newSignal(),
    );
    while (told === 0) await new Promise(setImmediate);
    controller.abort(new Error('terminated'));
    await expect(first).rejects.toThrow('terminated');
    const third = scans.scan(DAY, { demand: anew(900), ...claim(), onPage: () => {} }, newSignal());
    await givePages(2);
    expect((await Promise.all([second, third])).map(count)).toEqual([4, 4]);
    expect(world.asked).toEqual([undefined, '1', '2']);
  });

  it('is read once more, not once for each, for queries that come together and need it newer', async () => {
    const { scans, world, givePages } = createWorld();
    const old = scans.scan(DAY, { demand: anew(900), ...claim(), onPage: () => {} }, newSignal());
    await givePages(1);
    world.now = 2_000;
    const both = [1, 2].map(() => scans.scan(DAY, { demand: anew(1_500), ...claim(), onPage: () => {} }, newSignal()));
    await givePages(5);
    await Promise.all([old, ...both]);
    expect(world.asked.filter((after) => after === undefined)).toHaveLength(2);
  });

  it('is resumed by a query that comes while a stopped scan stores its checkpoint', async () => {
    const { scans, world, givePages } = createWorld();
    const controller = new AbortController();
    const first = scans.scan(DAY, { demand: anew(900), ...claim(), onPage: () => {} }, controller.signal);
    await givePages(2);
    while (world.asked.length < 3) await new Promise(setImmediate);
    let stored: () => void = () => {};
    world.saving = new Promise((resolve) => (stored = resolve));
    controller.abort(new Error('drain'));
    const second = scans.scan(DAY, { demand: anew(900), ...claim(), onPage: () => {} }, newSignal());
    await new Promise(setImmediate);
    expect(world.asked).toHaveLength(3);
    world.give.length = 0;
    stored();
    await expect(first).rejects.toThrow('drain');
    await givePages(1);
    expect(count(await second)).toBe(4);
    expect(world.asked).toEqual([undefined, '1', '2', '2']);
  });
});

describe('a day that no query needs any more', () => {
  it('stops after its checkpoint is stored, and is resumed later', async () => {
    const { scans, world, givePages } = createWorld();
    const controller = new AbortController();
    const first = scans.scan(DAY, { demand: anew(900), ...claim(), onPage: () => {} }, controller.signal);
    await givePages(2);
    while (world.asked.length < 3) await new Promise(setImmediate);
    controller.abort(new Error('drain'));
    await expect(first).rejects.toThrow('drain');
    expect(world.checkpoint).toMatchObject({
      scannedAt: 1_000,
      entitiesRead: 4,
      after: { rowKey: '2' },
    });
    world.give.length = 0;
    world.now = 9_000;
    const told: number[] = [];
    const again = scans.scan(
      DAY,
      { demand: anew(900), ...claim(), onPage: (entities) => told.push(entities) },
      newSignal(),
    );
    await givePages(1);
    expect(await again).toMatchObject({ scannedAt: 1_000, entitiesRead: 6 });
    expect(count(await again)).toBe(4);
    expect(told).toEqual([4, 2]);
    expect(world.asked).toEqual([undefined, '1', '2', '2']);
  });

  it('is read from its start by a query for which the checkpoint is too old', async () => {
    const { scans, world, givePages } = createWorld();
    world.checkpoint = {
      scannedAt: 100,
      demandedAt: 100,
      entitiesRead: 4,
      entitiesWithoutIdentifier: 0,
      after: { rowKey: '2' },
      resumedAfter: [],
      identifiers: new Uint8Array(),
    };
    const scan = scans.scan(DAY, { demand: anew(900), ...claim(), onPage: () => {} }, newSignal());
    await givePages(3);
    expect(await scan).toMatchObject({ scannedAt: 1_000, entitiesRead: 6 });
  });
});

describe('a query that was submitted before the clock of the day sets went back', () => {
  const demand = anew(5_000);
  const scan = (scans: SharedScans, signal = newSignal()) =>
    scans.scan(DAY, { demand, ...claim(), onPage: () => {} }, signal);

  it('uses the day set that was stored for it, and reads it once', async () => {
    const { scans, world, givePages } = createWorld();
    const first = scan(scans);
    await givePages(3);
    expect(await first).toMatchObject({ scannedAt: 1_000, demandedAt: 5_000 });
    world.now = 1_100;
    expect(await scan(scans)).toBe(world.stored);
    expect(world.asked).toEqual([undefined, '1', '2']);
  });

  it('resumes from its own checkpoint', async () => {
    const { scans, world, givePages } = createWorld();
    const controller = new AbortController();
    const first = scan(scans, controller.signal);
    await givePages(2);
    while (world.asked.length < 3) await new Promise(setImmediate);
    controller.abort(new Error('drain'));
    await expect(first).rejects.toThrow('drain');
    world.give.length = 0;
    const second = scan(scans);
    await givePages(1);
    expect(await second).toMatchObject({ scannedAt: 1_000, demandedAt: 5_000, entitiesRead: 6 });
    expect(world.asked).toEqual([undefined, '1', '2', '2']);
  });

  it('does not use the day set that was stored for another query since', async () => {
    const { scans, world, givePages } = createWorld();
    const times = { scannedAt: 1_100, demandedAt: 1_050 };
    world.stored = { ...times, entitiesRead: 1, entitiesWithoutIdentifier: 0, identifiers: new Uint8Array(16) };
    const own = scan(scans);
    await givePages(3);
    expect(await own).toMatchObject({ demandedAt: 5_000, entitiesRead: 6 });
  });
});

describe('a day that another process has read meanwhile', () => {
  it('is used as it is', async () => {
    const { scans, world } = createWorld();
    world.stored = {
      scannedAt: 950,
      demandedAt: 950,
      entitiesRead: 1,
      entitiesWithoutIdentifier: 0,
      identifiers: new Uint8Array(16),
    };
    expect(await scans.scan(DAY, { demand: anew(900), ...claim(), onPage: () => {} }, newSignal())).toBe(world.stored);
    expect(world.asked).toEqual([]);
  });
});

describe('a scan that fails', () => {
  it('fails for all queries that wait, and the next query starts another scan', async () => {
    const { scans, world, givePages } = createWorld();
    const failing = new SharedScans({
      ...(scans as unknown as { ports: ConstructorParameters<typeof SharedScans>[0] }).ports,
      pages: { read: async () => Promise.reject(new Error('cut')) },
    });
    const both = [1, 2].map(() => failing.scan(DAY, { demand: anew(900), ...claim(), onPage: () => {} }, newSignal()));
    for (const scan of both) await expect(scan).rejects.toThrow('cut');
    const next = scans.scan(DAY, { demand: anew(900), ...claim(), onPage: () => {} }, newSignal());
    await givePages(3);
    expect(count(await next)).toBe(4);
    expect(world.stored).toBeDefined();
  });
});

/** A day of three pages whose requests the test answers one by one, as a page reader that retries would. */
function createRetryingWorld() {
  const { scans: plain, world } = createWorld();
  const { ports } = plain as unknown as { ports: ConstructorParameters<typeof SharedScans>[0] };
  const requests: { at: string; retry(): void; give(): void; fail(error: Error): void }[] = [];
  const pages: typeof ports.pages = {
    read: (range: PageRange, after) =>
      new Promise<Page>((resolve, reject) => {
        const at = Number(after?.rowKey ?? 0);
        const next = at < 2 ? { rowKey: String(at + 1) } : undefined;
        requests.push({
          at: String(at),
          retry: () => range.onRetry?.('TABLE_THROTTLED'),
          give: () => resolve({ identifiers: [`id-${at}`, 'all'], entitiesWithoutIdentifier: 0, next }),
          fail: reject,
        });
      }),
  };
  const scans = new SharedScans({ ...ports, pages });
  /** A query for the day that counts the entities reported to it; its promise never rejects. */
  const query = (createdAt = 900) => {
    const told = { entities: 0 };
    const onPage = (entities: number) => void (told.entities += entities);
    const ended = scans
      .scan(DAY, { demand: anew(createdAt), ...claim(), onPage }, newSignal())
      .then(count, (error: Error) => error.message);
    return { told, ended };
  };
  /** The request with this number, counted from 1, once it is there. */
  const request = async (number: number) => {
    for (let turn = 0; requests.length < number && turn < 1_000; turn += 1) await new Promise(setImmediate);
    const found = requests[number - 1];
    if (found === undefined) throw new Error(`only ${requests.length} pages were asked for, not ${number}`);
    return found;
  };
  const settle = async () => {
    for (let turn = 0; turn < 10; turn += 1) await new Promise(setImmediate);
  };
  return { world, requests, query, request, settle };
}

const throttled = () => new QueryFailedError('TABLE_THROTTLED', 'throttled for too long');

describe('a scan whose retries run out', () => {
  it('is resumed by a scan of its own for a query that joined while its page was being retried', async () => {
    const { query, request, requests, settle } = createRetryingWorld();
    const first = query();
    (await request(1)).give();
    (await request(2)).retry();
    const late = [query(), query()];
    await settle();
    (await request(2)).fail(throttled());
    expect(await first.ended).toBe('throttled for too long');
    (await request(3)).give();
    (await request(4)).give();
    expect(await Promise.all(late.map(({ ended }) => ended))).toEqual([4, 4]);
    // One scan for both, from the page that could not be read.
    expect(requests.map(({ at }) => at)).toEqual(['0', '1', '1', '2']);
    // The resumed pages had been reported already.
    expect(late.map(({ told }) => told.entities)).toEqual([6, 6]);
  });

  it('fails for the queries that joined before its page was retried', async () => {
    const { query, request, requests, settle } = createRetryingWorld();
    const first = query();
    await request(1);
    const second = query();
    await settle();
    (await request(1)).retry();
    (await request(1)).fail(throttled());
    expect(await Promise.all([first.ended, second.ended])).toEqual(Array(2).fill('throttled for too long'));
    expect(requests).toHaveLength(1);
  });

  it('fails for a query that joined while an earlier page was retried, which was read in the end', async () => {
    const { query, request, requests, settle } = createRetryingWorld();
    const first = query();
    (await request(1)).retry();
    const second = query();
    await settle();
    (await request(1)).give();
    (await request(2)).retry();
    (await request(2)).fail(throttled());
    expect(await Promise.all([first.ended, second.ended])).toEqual(Array(2).fill('throttled for too long'));
    expect(requests).toHaveLength(2);
  });

  it('fails for all late queries too after another scan, started for them, has failed', async () => {
    const { query, request, requests, settle } = createRetryingWorld();
    const first = query();
    (await request(1)).retry();
    const late = [query(), query(), query()];
    await settle();
    (await request(1)).fail(throttled());
    expect(await first.ended).toBe('throttled for too long');
    await settle();
    (await request(2)).retry();
    (await request(2)).fail(throttled());
    expect(await Promise.all(late.map(({ ended }) => ended))).toEqual(Array(3).fill('throttled for too long'));
    expect(requests).toHaveLength(2);
  });

  it('is not followed by another one that is being retried: a query is late once', async () => {
    const { world, query, request, requests, settle } = createRetryingWorld();
    const first = query();
    (await request(1)).retry();
    const late = query();
    await settle();
    world.now = 2_000;
    // Needs the day newer, and is in retries of its own by then.
    const other = query(1_500);
    (await request(2)).retry();
    await settle();
    (await request(1)).fail(throttled());
    expect(await first.ended).toBe('throttled for too long');
    (await request(3)).give();
    (await request(2)).fail(throttled());
    expect(await other.ended).toBe('throttled for too long');
    for (const number of [4, 5]) (await request(number)).give();
    expect(await late.ended).toBe(4);
    expect(requests.map(({ at }) => at)).toEqual(['0', '0', '0', '1', '2']);
  });

  it.each(['TABLE_FORBIDDEN', 'TABLE_NOT_FOUND', 'TABLE_PROTOCOL'] as const)(
    'fails for a late query too where no retry would help: %s',
    async (code) => {
      const { query, request, requests, settle } = createRetryingWorld();
      const first = query();
      (await request(1)).retry();
      const late = query();
      await settle();
      (await request(1)).fail(new QueryFailedError(code, 'for good'));
      expect(await Promise.all([first.ended, late.ended])).toEqual(Array(2).fill('for good'));
      expect(requests).toHaveLength(1);
    },
  );
});
