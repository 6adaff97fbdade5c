import { describe, expect, it } from 'vitest';
import type { CalendarDay } from '#shared/contract/calendar-day';
import { QueryFailedError } from '#shared/contract/query-failed-error';
import { DaySource, type HistoryEvent } from '#shared/contract/query-history';
import { RunHistory, toEnding } from './run-history';

const DAY = {
  ...{ day: '2021-10-10' as CalendarDay, source: DaySource.Scanned, entities: 1 },
  ...{ pages: 1, milliseconds: 1, retries: 0, throttles: 0 },
} as const;

/** A store whose answers the test defines. */
function createStore() {
  const calls: { kinds: string[]; dropped: number }[] = [];
  const store = {
    calls,
    answer: async (): Promise<boolean> => true,
    append: async (_id: string, events: readonly HistoryEvent[], dropped = 0) => {
      calls.push({ kinds: events.map(({ kind }) => kind), dropped });
      return store.answer();
    },
  };
  return store;
}

describe('the history of a run', () => {
  it('is stored in parts, and not without a new event', async () => {
    const store = createStore();
    const history = new RunHistory(store, { id: 'a', worker: 'w', now: 1_000 });
    await history.flush();
    await history.flush();
    history.addDay(DAY);
    await history.end({ end: 'Completed' });
    expect(store.calls).toEqual([
      { kinds: ['attempt-begun'], dropped: 0 },
      { kinds: ['day', 'attempt-ended'], dropped: 0 },
    ]);
  });

  it('is stored completely once the store is no longer full', async () => {
    const store = createStore();
    const history = new RunHistory(store, { id: 'a', worker: 'w', now: 1_000 });
    store.answer = async () => false;
    history.addDay(DAY);
    await history.flush();
    history.addDay(DAY);
    const flushing = history.flush();
    const ending = history.end({ end: 'GivenBack' });
    await flushing;
    store.answer = async () => true;
    await ending;
    expect(store.calls.at(-1)).toEqual({ kinds: ['attempt-begun', 'day', 'day', 'attempt-ended'], dropped: 0 });
  });

  it('counts events as dropped when their reply is lost: they may be stored or not', async () => {
    const store = createStore();
    const history = new RunHistory(store, { id: 'a', worker: 'w', now: 1_000 });
    store.answer = () => Promise.reject(new Error('Connection is closed.'));
    history.addDay(DAY);
    await history.flush();
    history.addDay(DAY);
    await history.flush();
    store.answer = async () => true;
    await history.end({ end: 'GivenBack' });
    expect(store.calls.at(-1)).toEqual({ kinds: ['attempt-ended'], dropped: 3 });
  });

  it('is bounded while it cannot be stored', async () => {
    const store = createStore();
    const history = new RunHistory(store, { id: 'a', worker: 'w', now: 1_000 });
    for (let i = 0; i < 5_000; i += 1) history.addDay(DAY);
    await history.flush();
    expect(store.calls[0]?.kinds).toHaveLength(4_000);
    expect(store.calls[0]?.dropped).toBe(1_001);
    store.answer = async () => false;
    for (let i = 0; i < 3_999; i += 1) history.addDay(DAY);
    await history.flush();
    for (let i = 0; i < 2; i += 1) history.addDay(DAY);
    await history.flush();
    await history.flush();
    expect(store.calls.at(-1)?.kinds).toHaveLength(4_000);
    expect(store.calls.at(-1)?.dropped).toBe(1);
  });

  it('ends with a code, never an error text', () => {
    expect(toEnding(new QueryFailedError('TABLE_THROTTLED', 'inner'), false)).toEqual({
      end: 'Failed',
      code: 'TABLE_THROTTLED',
    });
    expect(toEnding(new Error('inner'), false)).toEqual({ end: 'Failed', code: 'QUERY_FAILED' });
    expect(toEnding('drain', true)).toEqual({ end: 'GivenBack' });
  });
});
