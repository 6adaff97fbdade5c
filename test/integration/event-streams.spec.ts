import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import { getDefaultHighWaterMark } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { EVENT_TIMES } from '../../apps/api/src/public/queries/live/event-stream';
import { EventStreams } from '../../apps/api/src/public/queries/live/event-streams';
import { LiveQueries } from '../../apps/api/src/public/queries/live/live-queries';
import { checkedFetch } from '../support/checked-fetch';
import { toSubmission } from '../support/conversation';
import { readEvents } from '../support/read-events';
import { type PublicListener, startPublicListener } from '../support/public-listener';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy';
import { waitUntil } from '../support/wait-until';

const RANGE = { start: '2021-10-10', end: '2021-10-10' };

/** What a response holds back before it asks its writer to wait: another number from Node 22 on. */
const HIGH_WATER_BYTES = getDefaultHighWaterMark(false);

/** After so many turns nothing more has gone out: the system takes no more. */
const TURNS = 200;

let proxy: TcpProxy;
let listener: PublicListener;
let isStopped: boolean;
let readers: Socket[];

beforeEach(async () => {
  const env = { KEY_PREFIX: `{t-${randomUUID()}}`, SHUTDOWN_GRACE_SECONDS: '1' };
  // Hours of comments in a moment.
  const { hostname, port } = new URL(inject('redisUrl'));
  proxy = await startTcpProxy({ host: hostname, port: Number(port) });
  listener = await startPublicListener(`redis://127.0.0.1:${proxy.port}`, env, {
    eventTimes: { ...EVENT_TIMES, commentMs: 10, lingerMs: 500, quietMs: 500 },
  });
  isStopped = false;
  readers = [];
});
afterEach(async () => {
  for (const reader of readers) reader.destroy();
  if (!isStopped) await listener.stop();
  await proxy.stop();
});

async function submit(): Promise<string> {
  const answer = await checkedFetch(`${listener.url}/api/queries`, toSubmission(RANGE));
  expect(answer.status).toBe(202);
  return ((await answer.json()) as { id: string }).id;
}

/**
 * A stream whose reader reads nothing, up to the last byte that the system keeps for it, and `heldBytes` at the most that
 * the process has to keep itself.
 */
async function openFullStream(id: string, heldBytes: number): Promise<ServerResponse> {
  const asked = once(listener.app.getHttpServer(), 'request') as Promise<[unknown, ServerResponse]>;
  const { hostname, port } = new URL(listener.url);
  const reader = connect(Number(port), hostname).pause();
  reader.on('error', () => {});
  readers.push(reader);
  reader.write(`GET /api/queries/${id}/events HTTP/1.1\r\nHost: ${hostname}\r\n\r\n`);
  const [, response] = await asked;
  await waitUntil(
    'the stream to be open',
    () => response.headersSent,
    (isOpen) => isOpen,
  );
  const filler = `: ${'x'.repeat(heldBytes)}\n\n`;
  await waitUntil(
    'the stream to be full',
    async () => {
      let unchanged = 0;
      for (let turn = 0; turn < TURNS; turn += 1) {
        unchanged = response.writableLength === 0 ? 0 : unchanged + 1;
        if (unchanged === 0) response.write(filler);
        await nextTurn();
      }
      return unchanged;
    },
    (unchanged) => unchanged >= TURNS - 1,
  );
  return response;
}

function stop(): void {
  void listener.stop().then(() => (isStopped = true));
}

async function waitUntilStopped(): Promise<void> {
  await waitUntil(
    'the listener to be closed',
    () => isStopped,
    (isClosed) => isClosed,
  );
}

const openStreams = () => listener.app.get(EventStreams).count;

describe('a stream whose reader reads nothing', () => {
  it.each([
    ['with room left for the end', HIGH_WATER_BYTES / 4, false],
    ['with no room left', HIGH_WATER_BYTES * 2, true],
  ])('is cut off a while after the end of its query, and nobody else is: %s', async (_when, heldBytes, needsDrain) => {
    const id = await submit();
    const response = await openFullStream(id, heldBytes);
    expect(response.writableNeedDrain).toBe(needsDrain);
    const answer = await checkedFetch(`${listener.url}/api/queries/${id}`, { method: 'DELETE' });
    expect(answer.status).toBe(202);
    await waitUntil('the stream to be gone', openStreams, (count) => count === 0);
    expect(response.errored ?? null).toBe(null);
    expect((await fetch(`${listener.url}/health/live`)).status).toBe(200);
  });

  it('keeps no process from going in its grace period', async () => {
    const id = await submit();
    for (const heldBytes of [HIGH_WATER_BYTES / 4, HIGH_WATER_BYTES * 2]) await openFullStream(id, heldBytes);
    stop();
    await waitUntilStopped();
  });
});

describe('streams that are asked for one after the other on one connection', () => {
  function ask(...ids: string[]): Socket {
    const { hostname, port } = new URL(listener.url);
    const reader = connect(Number(port), hostname).setEncoding('utf8');
    readers.push(reader);
    reader.write(ids.map((id) => `GET /api/queries/${id}/events HTTP/1.1\r\nHost: ${hostname}\r\n\r\n`).join(''));
    return reader;
  }

  it('are all over when it is, though the turn of most of them never came', async () => {
    const warnings: Error[] = [];
    const onWarning = (warning: Error) => warnings.push(warning);
    process.on('warning', onWarning);
    const id = await submit();
    const reader = ask(...Array<string>(20).fill(id));
    await waitUntil('all to be open', openStreams, (count) => count === 20);
    reader.destroy();
    await waitUntil('all to be gone', openStreams, (count) => count === 0);
    expect(listener.app.get(LiveQueries).listenerCount).toBe(0);
    process.off('warning', onWarning);
    expect(warnings).toEqual([]);
  });

  it('are not cut off for what nobody could read before its turn', async () => {
    const [first, second] = [await submit(), await submit()];
    const reader = ask(first, second);
    await waitUntil('both to be open', openStreams, (count) => count === 2);
    await checkedFetch(`${listener.url}/api/queries/${second}`, { method: 'DELETE' });
    let text = '';
    reader.on('data', (chunk: string) => (text += chunk));
    const countComments = () => text.split(': still there').length - 1;
    // Twice as long as a reader is waited for that takes nothing.
    await waitUntil('a hundred comments', countComments, (count) => count >= 100);
    await checkedFetch(`${listener.url}/api/queries/${first}`, { method: 'DELETE' });
    await waitUntil('both to be over', openStreams, (count) => count === 0);
    await waitUntil(
      'the end of both',
      () => text.match(/^event: end$/gm)?.length ?? 0,
      (ends) => ends === 2,
    );
  });
});

describe('a stream that is asked for as the process goes', () => {
  it('tells how things are, and ends', async () => {
    const [polled, id] = [await submit(), await submit()];
    const polling = checkedFetch(`${listener.url}/api/queries/${polled}?wait=50`);
    await waitUntil(
      'the long poll to wait',
      () => listener.app.get(LiveQueries).listenerCount,
      (waiting) => waiting === 1,
    );
    const asked = new Promise<void>((resolve) => proxy.onSent(id, resolve));
    proxy.holdFrom(id);
    const streaming = checkedFetch(`${listener.url}/api/queries/${id}/events`);
    await asked;
    stop();
    // So much for those who wait.
    expect((await polling).status).toBe(200);
    proxy.setMode('pass');
    const events = readEvents(await streaming);
    expect((await events.next()).value).toMatchObject({ event: 'progress', data: { id, status: 'Pending' } });
    expect((await events.next()).done).toBe(true);
    await waitUntilStopped();
  });
});
