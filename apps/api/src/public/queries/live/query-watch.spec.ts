import { describe, expect, it, vi } from 'vitest';
import type { QueryState } from '#shared/contract/query-document';
import { QueryWatch } from './query-watch';
import { waitForQuery } from './wait-for-query';

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
  const wait = (waitMs = 60_000, hangUp = NEVER, closing = NEVER) =>
    waitForQuery({ id: 'id', begin: read }, { watch, read }, waitMs, { hangUp, closing });
  return { world, watch, wait, read };
}

describe('QueryWatch', () => {
  it('reads a query once for all who wait for it', async () => {
    const { watch, world } = createWorld();
    const told: string[] = [];
    const stops = [1, 2, 3].map((n) =>
      watch.subscribe('id', 'changes', (latest) => told.push(`${n} ${latest?.status}`)),
    );
    watch.changed('id');
    await tick();
    await tick();
    expect(told).toEqual(['1 Running', '2 Running', '3 Running']);
    expect(world.reads).toBe(1);
    for (const stop of stops) stop();
    expect(watch.size).toBe(0);
    watch.changed('id');
    expect(world.reads).toBe(1);
  });

  it('reads once more, and only once, for all changes during a read', async () => {
    const { watch, world } = createWorld();
    const told: (string | undefined)[] = [];
    watch.subscribe('id', 'changes', (latest) => told.push(latest?.status));
    for (let i = 0; i < 5; i += 1) watch.changed('id');
    world.state = state('Completed');
    for (let i = 0; i < 5; i += 1) await tick();
    expect(world.reads).toBe(2);
    expect(told.at(-1)).toBe('Completed');
  });

  it('reads nothing before the end for those who wait for that alone, unless it may have been missed', async () => {
    const { watch, world } = createWorld();
    const told: (string | undefined)[] = [];
    watch.subscribe('id', 'end', (latest) => told.push(latest?.status));
    watch.changed('id');
    await tick();
    expect([told, world.reads]).toEqual([[], 0]);
    watch.allChanged();
    await tick();
    await tick();
    expect([told, world.reads]).toEqual([['Running'], 1]);
    watch.ended('id', () => state('Completed'));
    expect([told, world.reads]).toEqual([['Running', 'Completed'], 1]);
  });

  it('tells the end without a read, and nothing after it', async () => {
    const { watch, world } = createWorld();
    const told: (string | undefined)[] = [];
    const stop = watch.subscribe('id', 'changes', (latest) => told.push(latest?.status));
    watch.changed('id');
    watch.ended('id', () => state('Completed'));
    await tick();
    await tick();
    expect([told, world.reads, watch.size]).toEqual([['Completed'], 1, 0]);
    watch.changed('id');
    expect(world.reads).toBe(1);
    stop();
  });

  it('goes on after Redis was away', async () => {
    const { watch, world } = createWorld();
    const told: (string | undefined)[] = [];
    watch.subscribe('id', 'changes', (latest) => told.push(latest?.status));
    world.isAway = true;
    watch.changed('id');
    await tick();
    await tick();
    world.isAway = false;
    watch.allChanged();
    await vi.waitFor(() => expect(told.at(-1)).toBe('Running'));
  });

  it('reads again, untold, what could not be read', async () => {
    const { watch, world } = createWorld();
    const told: (string | undefined)[] = [];
    watch.subscribe('id', 'end', (latest) => told.push(latest?.status));
    world.isAway = true;
    watch.allChanged();
    await vi.waitFor(() => expect(world.reads).toBeGreaterThan(2));
    world.isAway = false;
    await vi.waitFor(() => expect(told).toEqual(['Running']));
  });
});

describe('waitForQuery', () => {
  it('answers at once what is so already', async () => {
    const { world, wait, watch } = createWorld();
    world.state = state('Completed');
    expect(await wait()).toEqual(state('Completed'));
    expect(watch.size).toBe(0);
  });

  it.each<[how: string, tell: (watch: QueryWatch) => void]>([
    ['told', (watch) => watch.ended('id', () => state('Completed'))],
    ['missed while Redis was away', (watch) => watch.allChanged()],
  ])('misses no end, at whatever moment it happens (%s)', async (_how, tell) => {
    for (let moment = 0; moment < 4; moment += 1) {
      const { world, wait, watch } = createWorld();
      const waiting = wait();
      for (let i = 0; i < moment; i += 1) await tick();
      world.state = state('Completed');
      tell(watch);
      expect(await waiting).toEqual(state('Completed'));
      expect(watch.size).toBe(0);
    }
  });

  it('is answered with news, where these are waited for', async () => {
    const { world, watch, read } = createWorld();
    const isNews = ({ status }: QueryState) => status === 'Pending';
    const ends = { hangUp: NEVER, closing: NEVER };
    const waiting = waitForQuery({ id: 'id', begin: read, isNews }, { watch, read }, 60_000, ends);
    await tick();
    watch.changed('id');
    await tick();
    await tick();
    world.state = state('Pending');
    watch.changed('id');
    expect(await waiting).toEqual(state('Pending'));
  });

  it('does not take a query that is not there yet for one that is gone', async () => {
    const { read } = createWorld();
    const watch = new QueryWatch(async () => undefined);
    const begin = async () => {
      watch.allChanged();
      await tick();
      return state('Pending');
    };
    const waiting = waitForQuery({ id: 'id', begin }, { watch, read }, 60_000, { hangUp: NEVER, closing: NEVER });
    await tick();
    await tick();
    watch.ended('id', () => state('Completed'));
    expect(await waiting).toEqual(state('Completed'));
  });

  it('tells at least of a submission, where the query cannot be read when the time is over', async () => {
    const { watch } = createWorld();
    const begin = async () => state('Pending');
    const read = () => Promise.reject(new Error('away'));
    const ends = { hangUp: NEVER, closing: NEVER };
    const waiting = waitForQuery({ id: 'id', begin, isSubmission: true }, { watch, read }, 1, ends);
    expect(await waiting).toEqual(state('Pending'));
    await expect(waitForQuery({ id: 'id', begin }, { watch, read }, 1, ends)).rejects.toThrow('away');
  });

  it('ends at once for a client that has hung up before', async () => {
    const { wait } = createWorld();
    await expect(wait(60_000, AbortSignal.abort())).rejects.toThrow('hung up');
  });

  it('answers what is when the time is over', async () => {
    const { wait, watch } = createWorld();
    expect(await wait(1)).toEqual(state('Running'));
    expect(watch.size).toBe(0);
  });

  it('ends when the client hangs up, and leaves nothing behind', async () => {
    const { wait, watch } = createWorld();
    const controller = new AbortController();
    const waiting = wait(60_000, controller.signal);
    await tick();
    await tick();
    controller.abort();
    await expect(waiting).rejects.toThrow('hung up');
    expect(watch.size).toBe(0);
  });

  it('answers what is when the process is going', async () => {
    const { wait, watch } = createWorld();
    const controller = new AbortController();
    const waiting = wait(60_000, NEVER, controller.signal);
    await tick();
    controller.abort();
    expect(await waiting).toEqual(state('Running'));
    expect(watch.size).toBe(0);
  });
});
