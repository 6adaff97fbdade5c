import { describe, expect, it } from 'vitest';
import { type ScanSlot, ScanSlots } from './scan-slots';

const NEVER = new AbortController().signal;

function takeAll(slots: ScanSlots, count: number): Promise<ScanSlot[]> {
  return Promise.all(Array.from({ length: count }, () => slots.take(NEVER)));
}

async function serve(slots: ScanSlots, count: number): Promise<void> {
  for (let i = 0; i < count; i += 1) (await slots.take(NEVER)).release('served');
}

describe('ScanSlots', () => {
  it('lets no more in than it may, and then whoever waits longest', async () => {
    const slots = new ScanSlots(2);
    const [first] = await takeAll(slots, 2);
    const order: string[] = [];
    const waiting = ['a', 'b'].map(async (name) => {
      const slot = await slots.take(NEVER);
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

  it('lets the urgent in before the others', async () => {
    const slots = new ScanSlots(1);
    const [held] = await takeAll(slots, 1);
    const order: string[] = [];
    const waiting = (['a', 'b', 'urgent'] as const).map(async (name) => {
      const slot = await slots.take(NEVER, name === 'urgent');
      order.push(name);
      slot.release('served');
    });
    held?.release('served');
    await Promise.all(waiting);
    expect(order).toEqual(['urgent', 'a', 'b']);
  });

  it('lets go of whoever stops waiting', async () => {
    const slots = new ScanSlots(1);
    const [held] = await takeAll(slots, 1);
    const controller = new AbortController();
    const waiting = slots.take(controller.signal);
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
      (await slots.take(NEVER)).release('pressed');
      expect(slots.read().limit).toBe(limit);
    }
  });

  it('takes a single refusal among as many requests as it allows for an accident', async () => {
    const slots = new ScanSlots(4);
    for (let accident = 0; accident < 3; accident += 1) {
      (await slots.take(NEVER)).release('pressed');
      await serve(slots, 4);
    }
    expect(slots.read()).toMatchObject({ limit: 4, pressed: 3 });
    (await slots.take(NEVER)).release('pressed');
    await serve(slots, 3);
    (await slots.take(NEVER)).release('pressed');
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

  it('does not take a fault that has nothing to do with load for pressure', async () => {
    const slots = new ScanSlots(4);
    (await slots.take(NEVER)).release('faulted');
    expect(slots.read()).toMatchObject({ limit: 4, pressed: 0, faulted: 1 });
  });
});
