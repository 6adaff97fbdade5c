import { setMaxListeners } from 'node:events';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { SlotClaim } from '../queries/day-scan';
import { type ScanSlot, ScanSlots } from './scan-slots';

const NEVER = new AbortController().signal;

function claim(query: object = {}, isUrgent = false): SlotClaim[] {
  return [{ query, isUrgent }];
}

function takeAll(slots: ScanSlots, count: number, claims = claim()): Promise<ScanSlot[]> {
  return Promise.all(Array.from({ length: count }, () => slots.take(NEVER, claims)));
}

async function serve(slots: ScanSlots, count: number): Promise<void> {
  for (let i = 0; i < count; i += 1) (await slots.take(NEVER, claim())).release('served');
}

/** Lets pages wait while all slots are taken. @returns Their names in the order in which they get a slot. */
async function listTurns(
  slots: ScanSlots,
  waiting: readonly (readonly [name: string, SlotClaim[]])[],
): Promise<string> {
  const held = await takeAll(slots, slots.read().limit);
  const turns: string[] = [];
  const ended = waiting.map(async ([name, claims]) => {
    const slot = await slots.take(NEVER, claims);
    turns.push(name);
    // The next page is admitted only after this one has ended.
    await new Promise(setImmediate);
    slot.release('served');
  });
  for (const slot of held) slot.release('served');
  await Promise.all(ended);
  return turns.join(' ');
}

describe('ScanSlots', () => {
  it('admits as many pages as its limit, and the others in the order of their arrival', async () => {
    const slots = new ScanSlots(2);
    const claims = claim();
    const [first] = await takeAll(slots, 2);
    const order: string[] = [];
    const waiting = ['a', 'b'].map(async (name) => {
      const slot = await slots.take(NEVER, claims);
      order.push(name);
      slot.release('served');
    });
    expect(slots.read()).toMatchObject({ inFlight: 2, waiting: 2 });
    first?.release('served');
    first?.release('served');
    await Promise.all(waiting);
    expect(order).toEqual(['a', 'b']);
    expect(slots.read()).toMatchObject({ inFlight: 1, waiting: 0 });
  });

  it('forgets a page that stops waiting', async () => {
    const slots = new ScanSlots(1);
    const [held] = await takeAll(slots, 1);
    const controller = new AbortController();
    const waiting = slots.take(controller.signal, claim());
    controller.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    held?.release('abandoned');
    expect(slots.read()).toMatchObject({ inFlight: 0, waiting: 0 });
  });

  it('halves on pressure, once for each wave of refusals, and never below one', async () => {
    const slots = new ScanSlots(16);
    for (const slot of await takeAll(slots, 16)) slot.release('pressed');
    expect(slots.read()).toMatchObject({ limit: 8, pressed: 16 });
    for (const limit of [4, 2, 1, 1]) {
      (await slots.take(NEVER, claim())).release('pressed');
      expect(slots.read().limit).toBe(limit);
    }
  });

  it('keeps its limit after a single refusal among as many requests as it allows', async () => {
    const slots = new ScanSlots(4);
    for (let accident = 0; accident < 3; accident += 1) {
      (await slots.take(NEVER, claim())).release('pressed');
      await serve(slots, 4);
    }
    expect(slots.read()).toMatchObject({ limit: 4, pressed: 3 });
    (await slots.take(NEVER, claim())).release('pressed');
    await serve(slots, 3);
    (await slots.take(NEVER, claim())).release('pressed');
    expect(slots.read().limit).toBe(2);
  });

  it('grows by one for each full round that was served, up to its ceiling', async () => {
    const slots = new ScanSlots(6);
    for (const slot of await takeAll(slots, 2)) slot.release('pressed');
    await serve(slots, 2);
    expect(slots.read().limit).toBe(3);
    await serve(slots, 1);
    expect(slots.read().limit).toBe(4);
    await serve(slots, 100);
    expect(slots.read().limit).toBe(6);
  });

  it('keeps its limit after a fault that is unrelated to load', async () => {
    const slots = new ScanSlots(4);
    (await slots.take(NEVER, claim())).release('faulted');
    expect(slots.read()).toMatchObject({ limit: 4, pressed: 0, faulted: 1 });
  });
});

describe('slots for several queries', () => {
  const [long, short, third] = [{}, {}, {}];

  it('go to the queries in turn, the urgent pages of each first', async () => {
    const turns = await listTurns(new ScanSlots(1), [
      ['long-1', claim(long)],
      ['long-2', claim(long)],
      ['long-urgent', claim(long, true)],
      ['short-1', claim(short, true)],
      ['short-2', claim(short, true)],
      ['third-1', claim(third)],
    ]);
    expect(turns).toBe('long-urgent short-1 third-1 long-1 short-2 long-2');
  });

  it('go to the query with the fewest slots', async () => {
    const slots = new ScanSlots(4);
    const held = await takeAll(slots, 4, claim(long));
    const order: string[] = [];
    const take = async (name: string, query: object) => {
      await slots.take(NEVER, claim(query));
      order.push(name);
    };
    const waiting = [
      ...['long', 'long'].map((name) => take(name, long)),
      ...['short', 'short'].map((name) => take(name, short)),
    ];
    for (const slot of held) {
      slot.release('served');
      await new Promise(setImmediate);
    }
    await Promise.all(waiting);
    // One short beside three long, two beside two, then only long pages are left.
    expect(order).toEqual(['short', 'short', 'long', 'long']);
  });

  it('count, for a page of two queries, for the query that gets it soonest', async () => {
    const turns = await listTurns(new ScanSlots(1), [
      ['long-1', claim(long)],
      ['long-2', claim(long)],
      ['shared', [...claim(long), ...claim(short)]],
      ['short', claim(short)],
    ]);
    expect(turns).toBe('long-1 shared long-2 short');
  });

  it('follow the queries of a page, which may join and leave while it waits', async () => {
    const slots = new ScanSlots(2);
    await slots.take(NEVER, claim(short));
    const held = await slots.take(NEVER, claim());
    const claims = new Set(claim(long));
    const order: string[] = [];
    const shared = slots.take(NEVER, claims).then(() => order.push('shared'));
    const other = slots.take(NEVER, claim(third)).then((slot) => {
      order.push('third');
      slot.release('served');
    });
    claims.clear();
    for (const joined of claim(short)) claims.add(joined);
    held.release('served');
    await Promise.all([shared, other]);
    // The shared page came first, but its query has a slot by now, and the third has none.
    expect(order).toEqual(['third', 'shared']);
  });

  it('keep no record of a query without pages', async () => {
    const slots = new ScanSlots(2);
    const [slot] = await takeAll(slots, 2, claim(long));
    const controller = new AbortController();
    const left = slots.take(controller.signal, claim(short));
    controller.abort(new Error('enough'));
    await expect(left).rejects.toThrow('enough');
    slot?.release('served');
    await serve(slots, 3);
    expect((slots as unknown as { shares: Map<object, unknown> }).shares.size).toBe(1);
  });
});

/** A query that reads `days` concurrently, each page after page. When one has ended, the next one follows, as in a stream. */
interface Load {
  days: number;
  /** Pages of a day. */
  pages: number;
  isUrgent: boolean;
}

/** Measures the slots of each load over some turnovers; in each all pages in flight end, in any order. */
async function run(limit: number, loads: readonly Load[], turnovers: number, order: (count: number) => number) {
  const slots = new ScanSlots(limit);
  const stop = new AbortController();
  // Each waiting page adds a listener.
  setMaxListeners(0, stop.signal);
  const settle = () => new Promise(setImmediate);
  const inFlight = new Map<() => void, Load>();
  const given = new Map(loads.map((load) => [load, 0]));
  const fewest = new Map(loads.map((load) => [load, Infinity]));

  const readDay = async (load: Load, claims: SlotClaim[]) => {
    for (let page = 0; page < load.pages; page += 1) {
      const slot = await slots.take(stop.signal, claims);
      given.set(load, (given.get(load) ?? 0) + 1);
      await new Promise<void>((resolve) => inFlight.set(resolve, load));
      slot.release('served');
    }
  };
  const repeat = async (load: Load) => {
    while (!stop.signal.aborted) {
      const claims = claim({}, load.isUrgent);
      await Promise.all(Array.from({ length: load.days }, () => readDay(load, claims)));
    }
  };
  const running = loads.map((load) => repeat(load).catch(() => {}));
  await settle();
  for (let turnover = 0; turnover < turnovers; turnover += 1) {
    for (const pages = [...inFlight.keys()]; pages.length > 0;) {
      const [done] = pages.splice(order(pages.length), 1);
      if (done === undefined) break;
      inFlight.delete(done);
      done();
      await settle();
      // In the first turnover, the first load has all slots.
      if (turnover === 0) continue;
      for (const load of loads) {
        const count = [...inFlight.values()].filter((other) => other === load).length;
        fewest.set(load, Math.min(fewest.get(load) ?? 0, count));
      }
    }
  }
  stop.abort();
  for (const done of inFlight.keys()) done();
  await Promise.all(running);
  return loads.map((load) => ({ given: given.get(load) ?? 0, fewest: fewest.get(load) ?? 0 }));
}

/** The fair share of each load: even, except that the others use the slots that a load has no days for. */
function toFairShares(limit: number, loads: readonly Load[]): number[] {
  let left = limit;
  const shares = new Map<Load, number>();
  const byDays = [...loads].sort((a, b) => a.days - b.days);
  byDays.forEach((load, i) => {
    const share = Math.min(load.days, left / (byDays.length - i));
    shares.set(load, share);
    left -= share;
  });
  return loads.map((load) => shares.get(load) ?? 0);
}

describe('the share of a query', () => {
  const endless = fc.record({
    days: fc.integer({ min: 1, max: 40 }),
    pages: fc.constant(Infinity),
    isUrgent: fc.boolean(),
  });
  const stream = fc.record({
    days: fc.integer({ min: 1, max: 10 }),
    pages: fc.integer({ min: 1, max: 4 }),
    isUrgent: fc.boolean(),
  });

  it('is at least half of the fair one at all times, whatever other queries need', async () => {
    const cases = fc.record({
      limit: fc.integer({ min: 1, max: 32 }),
      loads: fc.tuple(endless, fc.array(fc.oneof(endless, stream), { minLength: 1, maxLength: 5 })),
      seed: fc.nat(),
    });
    const property = fc.asyncProperty(cases, async ({ limit, loads: [first, others], seed }) => {
      const loads = [first, ...others];
      let state = seed;
      const order = (count: number) => (state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0) % count;
      const turnovers = 4 + 8 * Math.ceil(loads.length / limit);
      const seen = await run(limit, loads, turnovers, order);
      for (const [i, share] of toFairShares(limit, loads).entries()) {
        // A stream has pauses, in which it uses less than its share.
        if (loads[i]?.pages !== Infinity) continue;
        expect(seen[i]?.fewest).toBeGreaterThanOrEqual(Math.floor(share / 2));
        expect(seen[i]?.given).toBeGreaterThanOrEqual(Math.floor((share / 2) * turnovers));
      }
    });
    await fc.assert(property, { numRuns: 200 });
  });
});
