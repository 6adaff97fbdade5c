import { afterEach, describe, expect, it, vi } from 'vitest';
import type { QueryState } from '#shared/contract/query-document';
import type { CallerQueries, OrderedQueries } from '#shared/redis/caller-queries';
import type { QueryStates } from '#shared/redis/query-states';
import type { RedisClient } from '#shared/redis/redis-client';
import { ListRequest } from './list-request';
import { QueryList } from './query-list';
import type { RedisClock } from './redis-clock';

const HOUR_MS = 3_600_000;
/** Of Redis; this machine's is set by each test. */
const NOW = Date.parse('2021-12-10T12:00:00Z');

afterEach(() => vi.useRealTimers());

/** A list of queries by the time of their creation, of which those in `known` have a record. */
function createWorld(times: Record<string, number>, known: readonly string[]) {
  const forgotten: string[] = [];
  let clockReadings = 0;
  const queries: OrderedQueries = {
    list: async () => Object.entries(times).map(([id, createdAt]) => ({ id, createdAt })),
    forget: async (ids) => void forgotten.push(...ids),
  };
  const states = {
    decideMany: async (ids: readonly string[]) =>
      ids.map((id) => (known.includes(id) ? ({ id, status: 'Completed' } as QueryState) : undefined)),
  } as QueryStates;
  const clock = {
    read: async () => {
      clockReadings += 1;
      return NOW;
    },
  } as RedisClock;
  const callerQueries = { ofAll: () => queries } as CallerQueries;
  const list = new QueryList(callerQueries, states, clock, { status: 'ready' } as RedisClient);
  const read = async () => {
    const { states: found } = await list.takePage(undefined, new ListRequest());
    return { found: found.map(({ id }) => id), forgotten, clockReadings };
  };
  return { read };
}

describe('a page of queries', () => {
  it.each([
    ['right', 0],
    ['two hours ahead', 2 * HOUR_MS],
    ['two hours behind', -2 * HOUR_MS],
  ])(
    'forgets what is an hour old by Redis’ clock and has no record, with a clock here that is %s',
    async (_name, by) => {
      vi.useFakeTimers({ toFake: ['Date'], now: NOW + by });
      const times = { kept: NOW - 1, queued: NOW - 2, young: NOW - HOUR_MS, gone: NOW - HOUR_MS - 1 };
      const { read } = createWorld(times, ['kept']);
      expect(await read()).toEqual({ found: ['kept'], forgotten: ['gone'], clockReadings: 1 });
    },
  );

  it('asks for no time while every query has a record', async () => {
    const { read } = createWorld({ a: NOW, b: 0 }, ['a', 'b']);
    expect(await read()).toEqual({ found: ['a', 'b'], forgotten: [], clockReadings: 0 });
  });
});
