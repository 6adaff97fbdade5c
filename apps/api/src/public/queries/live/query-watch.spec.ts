import { describe, expect, it, vi } from 'vitest';
import type { QueryState } from '#shared/contract/query-document';
import { QueryWatch } from './query-watch';
import { waitForQuery } from './long-polls';

const state = (status: string) => ({ status }) as QueryState;
const NEVER = new AbortController().signal;
const tick = () => new Promise(setImmediate);

function createWorld() {
  const world = { state: state('Running'), reads: 0, isAway: false };
  const read = async () => {
    world.reads += 1;
    await tick();
    if (world.isAway) throw new Error('away');
    return world.state;
  };
  const watch = new QueryWatch(read, 1);
  const wait = (waitMs = 60_000, closed = NEVER, closing = NEVER) =>
    waitForQuery({ id: 'id', begin: read }, { watch, read }, waitMs, { closed, closing });
  return { world, watch, wait, read };
}

describe('QueryWatch', () => {
  it('reads a changed query once for all of its listeners', async () => {
    const { watch, world } = createWorld();
    const states: string[] = [];
    const stops = [1, 2, 3].map((n) =>
      watch.subscribe('id', 'changes', (latest) => states.push(`${n} ${latest?.status}`)),
    );
    watch.onChange('id');
    await tick();
    await tick();
    expect(states).toEqual(['1 Running', '2 Running', '3 Running']);
    expect(world.reads).toBe(1);
    for (const stop of stops) stop();
    expect(watch.listenerCount).toBe(0);
    watch.onChange('id');
    expect(world.reads).toBe(1);
  });

  it('reads once more for all changes during a read', async () => {
    const { watch, world } = createWorld();
    const states: (string | undefined)[] = [];
    watch.subscribe('id', 'changes', (latest) => states.push(latest?.status));
    for (let i = 0; i < 5; i += 1) watch.onChange('id');
    world.state = state('Completed');
    for (let i = 0; i < 5; i += 1) await tick();
    expect(world.reads).toBe(2);
    expect(states.at(-1)).toBe('Completed');
  });

  it('does not read before the end for listeners of the end, unless messages may be lost', async () => {
    const { watch, world } = createWorld();
    const states: (string | undefined)[] = [];
    watch.subscribe('id', 'end', (latest) => states.push(latest?.status));
    watch.onChange('id');
    await tick();
    expect([states, world.reads]).toEqual([[], 0]);
    watch.readAll();
    await tick();
    await tick();
    expect([states, world.reads]).toEqual([['Running'], 1]);
    watch.onEnd('id', () => state('Completed'));
    expect([states, world.reads]).toEqual([['Running', 'Completed'], 1]);
  });

  it('passes the end on without a read, and nothing after it', async () => {
    const { watch, world } = createWorld();
    const states: (string | undefined)[] = [];
    const stop = watch.subscribe('id', 'changes', (latest) => states.push(latest?.status));
    watch.onChange('id');
    watch.onEnd('id', () => state('Completed'));
    await tick();
    await tick();
    expect([states, world.reads, watch.listenerCount]).toEqual([['Completed'], 1, 0]);
    watch.onChange('id');
    expect(world.reads).toBe(1);
    stop();
  });

  it('reads again after an outage of Redis', async () => {
    const { watch, world } = createWorld();
    const states: (string | undefined)[] = [];
    watch.subscribe('id', 'changes', (latest) => states.push(latest?.status));
    world.isAway = true;
    watch.onChange('id');
    await tick();
    await tick();
    world.isAway = false;
    watch.readAll();
    await vi.waitFor(() => expect(states.at(-1)).toBe('Running'));
  });

  it('retries a failed read without a message', async () => {
    const { watch, world } = createWorld();
    const states: (string | undefined)[] = [];
    watch.subscribe('id', 'end', (latest) => states.push(latest?.status));
    world.isAway = true;
    watch.readAll();
    await vi.waitFor(() => expect(world.reads).toBeGreaterThan(2));
    world.isAway = false;
    await vi.waitFor(() => expect(states).toEqual(['Running']));
  });
});

describe('waitForQuery', () => {
  it('resolves at once with a query that has ended', async () => {
    const { world, wait, watch } = createWorld();
    world.state = state('Completed');
    expect(await wait()).toEqual(state('Completed'));
    expect(watch.listenerCount).toBe(0);
  });

  it.each<[how: string, announce: (watch: QueryWatch) => void]>([
    ['by its message', (watch) => watch.onEnd('id', () => state('Completed'))],
    ['after an outage of Redis', (watch) => watch.readAll()],
  ])('misses no end, at any moment (%s)', async (_how, announce) => {
    for (let moment = 0; moment < 4; moment += 1) {
      const { world, wait, watch } = createWorld();
      const waiting = wait();
      for (let i = 0; i < moment; i += 1) await tick();
      world.state = state('Completed');
      announce(watch);
      expect(await waiting).toEqual(state('Completed'));
      expect(watch.listenerCount).toBe(0);
    }
  });

  it('resolves with news', async () => {
    const { world, watch, read } = createWorld();
    const isNews = ({ status }: QueryState) => status === 'Pending';
    const ends = { closed: NEVER, closing: NEVER };
    const waiting = waitForQuery({ id: 'id', begin: read, isNews }, { watch, read }, 60_000, ends);
    await tick();
    watch.onChange('id');
    await tick();
    await tick();
    world.state = state('Pending');
    watch.onChange('id');
    expect(await waiting).toEqual(state('Pending'));
  });

  it('does not take a query without a record yet for one that is gone', async () => {
    const { read } = createWorld();
    const watch = new QueryWatch(async () => undefined);
    const begin = async () => {
      watch.readAll();
      await tick();
      return state('Pending');
    };
    const waiting = waitForQuery({ id: 'id', begin }, { watch, read }, 60_000, { closed: NEVER, closing: NEVER });
    await tick();
    await tick();
    watch.onEnd('id', () => state('Completed'));
    expect(await waiting).toEqual(state('Completed'));
  });

  it('resolves with the submitted state if the query cannot be read after the timeout', async () => {
    const { watch } = createWorld();
    const begin = async () => state('Pending');
    const read = () => Promise.reject(new Error('away'));
    const ends = { closed: NEVER, closing: NEVER };
    const waiting = waitForQuery({ id: 'id', begin, isSubmission: true }, { watch, read }, 1, ends);
    expect(await waiting).toEqual(state('Pending'));
    await expect(waitForQuery({ id: 'id', begin }, { watch, read }, 1, ends)).rejects.toThrow('away');
  });

  it('rejects at once for a closed connection', async () => {
    const { wait } = createWorld();
    await expect(wait(60_000, AbortSignal.abort())).rejects.toThrow('closed its connection');
  });

  it('resolves with the current state after the timeout', async () => {
    const { wait, watch } = createWorld();
    expect(await wait(1)).toEqual(state('Running'));
    expect(watch.listenerCount).toBe(0);
  });

  it('rejects when the client closes its connection, and unsubscribes', async () => {
    const { wait, watch } = createWorld();
    const controller = new AbortController();
    const waiting = wait(60_000, controller.signal);
    await tick();
    await tick();
    controller.abort();
    await expect(waiting).rejects.toThrow('closed its connection');
    expect(watch.listenerCount).toBe(0);
  });

  it('resolves with the current state at shutdown', async () => {
    const { wait, watch } = createWorld();
    const controller = new AbortController();
    const waiting = wait(60_000, NEVER, controller.signal);
    await tick();
    controller.abort();
    expect(await waiting).toEqual(state('Running'));
    expect(watch.listenerCount).toBe(0);
  });
});
