import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import type { CalendarDay } from '#shared/contract/calendar-day';
import { noProgress, type QueryState } from '#shared/contract/query-document';
import { toDocumentText } from '../../../queue/query-document';
import { EVENT_TIMES, EventStream } from './event-stream';

const STATE: QueryState = {
  ...{ id: '0123456789abcdef0123456789abcdef', caller: 'c', status: 'Running', createdAt: 1, startedAt: 2 },
  ...{ finishedAt: null, expiresAt: null, result: null, error: null, progress: noProgress(4) },
  request: { start: '2021-10-10' as CalendarDay, end: '2021-10-13' as CalendarDay, maxAgeSeconds: 0 },
};

function toState(percent: number, atLeast: number): QueryState {
  return { ...STATE, progress: { ...STATE.progress, percent, atLeast } };
}

describe('a stream of events', () => {
  it.each<[string, QueryState[], [number, number][]]>([
    [
      'what is later',
      [toState(1, 5), toState(2, 6)],
      [
        [1, 5],
        [2, 6],
      ],
    ],
    ['no smaller share', [toState(2, 5), toState(1, 5)], [[2, 5]]],
    ['no smaller count, where the share is the same', [toState(2, 6), toState(2, 5)], [[2, 6]]],
    [
      'no smaller count, whatever the share',
      [toState(2, 6), toState(3, 5), toState(3, 6)],
      [
        [2, 6],
        [3, 6],
      ],
    ],
    ['nothing that is from before the start', [toState(0, 0), { ...STATE, startedAt: null }], [[0, 0]]],
  ])('tells %s', (_what, states, told) => {
    const response = Object.assign(new PassThrough(), { req: { socket: new PassThrough() } });
    const events = new EventStream(
      response as unknown as ServerResponse,
      toDocumentText,
      undefined,
      EVENT_TIMES,
      () => {},
    );
    for (const state of states) events.send(state);
    const text = String(response.read());
    response.destroy();
    const documents = [...text.matchAll(/^data: (.*)$/gm)].map(
      ([, data]) => (JSON.parse(data ?? '') as { progress: { percent: number; atLeast: number } }).progress,
    );
    expect(documents.map(({ percent, atLeast }) => [percent, atLeast])).toEqual(told);
  });

  it('is cut off a while after it has expired, however often it expires meanwhile', async () => {
    const response = Object.assign(new PassThrough(), { req: { socket: new PassThrough() } });
    const times = { ...EVENT_TIMES, lingerMs: 50 };
    const events = new EventStream(response as unknown as ServerResponse, toDocumentText, undefined, times, () => {});
    const repeating = setInterval(() => events.expire(), 10);
    try {
      // Nobody reads what was written.
      await once(response, 'close');
    } finally {
      clearInterval(repeating);
    }
  }, 5_000);
});
