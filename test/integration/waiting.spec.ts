import { randomUUID } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { RecordKeys } from '#shared/redis/record-keys';
import { EVENT_TIMES } from '../../apps/api/src/public/queries/live/event-stream';
import { EventStreams } from '../../apps/api/src/public/queries/live/event-streams';
import { LiveQueries } from '../../apps/api/src/public/queries/live/live-queries';
import { checkedFetch } from '../support/checked-fetch';
import { toSubmission } from '../support/conversation';
import { readEvents } from '../support/read-events';
import { type PublicListener, ScriptedWorker, startPublicListener } from '../support/public-listener';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy';
import { waitUntil } from '../support/wait-until';

interface Document {
  id: string;
  status: string;
  progress: { percent: number };
}

const RANGE = { start: '2021-10-10', end: '2021-10-10' };
const keyPrefix = `{t-${randomUUID()}}`;
let proxy: TcpProxy;
let listener: PublicListener;
let worker: ScriptedWorker;

beforeAll(async () => {
  const { hostname, port } = new URL(inject('redisUrl'));
  proxy = await startTcpProxy({ host: hostname, port: Number(port) });
  const eventTimes = { ...EVENT_TIMES, quietMs: 2_000 };
  listener = await startPublicListener(`redis://127.0.0.1:${proxy.port}`, { KEY_PREFIX: keyPrefix }, { eventTimes });
  worker = new ScriptedWorker(inject('redisUrl'), keyPrefix);
});
afterAll(async () => {
  await listener.stop();
  worker.stop();
  await proxy.stop();
});

async function submit(): Promise<string> {
  const answer = await checkedFetch(`${listener.url}/api/queries`, toSubmission(RANGE));
  expect(answer.status).toBe(202);
  return ((await answer.json()) as Document).id;
}

const get = (path: string, headers: Record<string, string> = {}) =>
  checkedFetch(`${listener.url}/api/queries/${path}`, { headers });

/** Until the service holds back an answer for this query, or has a stream open. */
async function waitForWaiters(count: number): Promise<void> {
  const live = listener.app.get(LiveQueries);
  await waitUntil(
    'someone to wait',
    () => live.listenerCount,
    (waiting) => waiting === count,
  );
}

describe('a long poll', () => {
  it.each([
    ['?wait=50', {}],
    ['', { prefer: 'wait=50' }],
  ])('is answered when the query ends (%s %j)', async (query, headers) => {
    for (const path of ['', '/result']) {
      const id = await submit();
      const polling = get(`${id}${path}${query}`, headers);
      await waitForWaiters(1);
      await worker.begin(id);
      await worker.end(id);
      const answer = await polling;
      expect([answer.status, await answer.json()]).toMatchObject([200, { status: 'Completed', result: { count: 3 } }]);
      expect(answer.headers.get('preference-applied')).toBe(query === '' ? 'wait=50' : null);
    }
  });

  it('is answered when the document is news to the client', async () => {
    const id = await submit();
    const known = (await get(id)).headers.get('etag') ?? '';
    const polling = get(`${id}?wait=50`, { 'if-none-match': known });
    await waitForWaiters(1);
    await worker.begin(id);
    const answer = await polling;
    expect([answer.status, await answer.json()]).toMatchObject([200, { status: 'Running' }]);
  });

  it('is answered with what is when its time is over', async () => {
    const id = await submit();
    const etag = (await get(id)).headers.get('etag') ?? '';
    expect((await get(`${id}?wait=0`)).status).toBe(200);
    expect((await get(`${id}/result?wait=1`)).status).toBe(202);
    const unchanged = await get(`${id}?wait=1`, { 'if-none-match': etag });
    expect([unchanged.status, unchanged.headers.get('retry-after'), unchanged.headers.get('etag')]).toEqual([
      304,
      '1',
      etag,
    ]);
  });

  it('does not terminate the query when the client hangs up', async () => {
    const id = await submit();
    const controller = new AbortController();
    const polling = checkedFetch(`${listener.url}/api/queries/${id}?wait=50`, { signal: controller.signal });
    await waitForWaiters(1);
    controller.abort();
    await expect(polling).rejects.toThrow();
    await waitForWaiters(0);
    expect(await (await get(id)).json()).toMatchObject({ status: 'Pending' });
  });

  it('waits no more for a client that has hung up, though its turn on the connection never came', async () => {
    const id = await submit();
    const { hostname, port } = new URL(listener.url);
    const client = connect(Number(port), hostname);
    client.write(`GET /api/queries/${id}?wait=50 HTTP/1.1\r\nHost: ${hostname}\r\n\r\n`.repeat(2));
    await waitForWaiters(2);
    client.destroy();
    await waitForWaiters(0);
  });

  it('misses no end, though Redis is cut off from the service just then', async () => {
    const id = await submit();
    const polling = get(`${id}/result?wait=50`);
    await waitForWaiters(1);
    // Answered on the same line as what the other asks first, and after it.
    await get(id);
    proxy.setMode('cut');
    await worker.begin(id);
    await worker.end(id);
    proxy.setMode('pass');
    expect((await polling).status).toBe(200);
  });

  it('is answered when the query has ended without a message', async () => {
    const id = await submit();
    const waiting = get(`${id}?wait=50`);
    await waitForWaiters(1);
    // As BullMQ leaves a job that it fails by itself, in a worker that is killed just then.
    await worker.redis.hset(new RecordKeys(keyPrefix).job(id), { finishedOn: 1 });
    expect(await (await waiting).json()).toMatchObject({ status: 'Failed', error: { code: 'WORKER_LOST' } });
  });

  it('refuses a wait that is no number', async () => {
    expect((await get(`${await submit()}?wait=soon`)).status).toBe(400);
  });
});

describe('a submission that is waited for', () => {
  /** Until its job is on the queue. */
  async function submitAndWait(seconds: string): Promise<{ id: string; submitting: Promise<Response> }> {
    const listQueued = () => worker.redis.lrange(`${keyPrefix}:queries:wait`, 0, -1);
    const before = new Set(await listQueued());
    const init = toSubmission(RANGE);
    const headers = { ...(init.headers as object), prefer: `wait=${seconds}` };
    const submitting = checkedFetch(`${listener.url}/api/queries`, { ...init, headers });
    const [id = ''] = await waitUntil(
      'its job to be queued',
      async () => (await listQueued()).filter((one) => !before.has(one)),
      (added) => added.length > 0,
    );
    return { id, submitting };
  }

  it('is answered with the result, or with 202 when the time is over', async () => {
    const init = toSubmission(RANGE);
    const headers = { ...(init.headers as object), prefer: 'wait=1' };
    const late = await checkedFetch(`${listener.url}/api/queries`, { ...init, headers });
    expect([late.status, late.headers.get('preference-applied')]).toEqual([202, 'wait=1']);
    expect(late.headers.get('location')).toContain('/result');
    const { id, submitting } = await submitAndWait('50');
    await worker.begin(id);
    await worker.end(id, 9);
    const answer = await submitting;
    expect([answer.status, await answer.json()]).toMatchObject([200, { id, result: { count: 9 } }]);
    expect(answer.headers.get('preference-applied')).toBe('wait=50');
  });

  it('tells its id though it ends without a result', async () => {
    const { id, submitting } = await submitAndWait('50');
    await checkedFetch(`${listener.url}/api/queries/${id}`, { method: 'DELETE' });
    const answer = await submitting;
    expect([answer.status, await answer.json()]).toMatchObject([409, { instance: `/api/queries/${id}/result` }]);
  });

  it('is answered with 202 where Redis is away when the time is over: it was taken', async () => {
    const { id, submitting } = await submitAndWait('1');
    proxy.setMode('silent');
    const answer = await submitting;
    proxy.setMode('pass');
    expect([answer.status, await answer.json()]).toMatchObject([202, { id, status: 'Pending' }]);
    await waitUntil(
      'Redis to be back',
      () => get(id),
      ({ status }) => status === 200,
    );
  });
});

describe('an ETag', () => {
  it('changes whenever the document does, and not otherwise', async () => {
    const id = await submit();
    const read = async () => (await get(id)).headers.get('etag');
    const etags = [await read(), await read()];
    await worker.begin(id);
    etags.push(await read());
    await worker.report(id, 41.9);
    etags.push(await read(), await read());
    await worker.end(id);
    etags.push(await read(), await read());
    expect(new Set(etags).size).toBe(4);
    const same = await get(`${id}/result`, { 'if-none-match': etags.at(-1) ?? '' });
    expect([same.status, await same.text()]).toEqual([304, '']);
  });
});

describe('an event stream', () => {
  it.each([
    ['/events', {}],
    ['', { accept: 'text/event-stream' }],
  ])('tells every change as a whole document, and ends with the end (%s)', async (path, headers) => {
    const id = await submit();
    const answer = await get(`${id}${path}`, headers);
    expect(answer.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
    expect(answer.headers.get('x-accel-buffering')).toBe('no');
    const events = readEvents(answer);
    expect((await events.next()).value).toMatchObject({ event: 'progress', data: { id, status: 'Pending' } });
    await worker.begin(id);
    expect((await events.next()).value).toMatchObject({ event: 'progress', data: { status: 'Running' } });
    await worker.report(id, 50);
    expect((await events.next()).value).toMatchObject({ event: 'progress', data: { progress: { percent: 50 } } });
    await worker.end(id);
    const { value: end } = await events.next();
    expect(end).toMatchObject({ event: 'end', data: { status: 'Completed', result: { count: 3 } } });
    expect((await events.next()).done).toBe(true);
    expect(`"${end?.id}"`).toBe((await get(id)).headers.get('etag'));
  });

  it('that is resumed sends nothing twice, and tells one who has seen the end that there is no more', async () => {
    const id = await submit();
    const first = readEvents(await get(`${id}/events`));
    const { value: seen } = await first.next();
    await first.return(undefined);
    const resumed = readEvents(await get(`${id}/events`, { 'last-event-id': seen?.id ?? '' }));
    await worker.begin(id);
    expect((await resumed.next()).value).toMatchObject({ data: { status: 'Running' } });
    await resumed.return(undefined);
    await worker.end(id);
    const last = readEvents(await get(`${id}/events`, { 'last-event-id': seen?.id ?? '' }));
    const { value: end } = await last.next();
    expect([end?.event, (await last.next()).done]).toEqual(['end', true]);
    expect((await get(`${id}/events`, { 'last-event-id': end?.id ?? '' })).status).toBe(204);
    await waitForWaiters(0);
  });

  it('whose client hangs up before it has begun leaves nothing behind', async () => {
    const id = await submit();
    const server = listener.app.getHttpServer();
    const asked = new Promise<void>((resolve) => proxy.onSent(id, resolve));
    const closed = new Promise<void>((resolve) =>
      server.once('connection', (socket: Socket) => socket.once('close', resolve)),
    );
    proxy.holdFrom(id);
    const { hostname, port } = new URL(listener.url);
    const client = connect(Number(port), hostname);
    client.write(`GET /api/queries/${id}/events HTTP/1.1\r\nHost: ${hostname}\r\n\r\n`);
    await asked;
    client.destroy();
    await closed;
    proxy.setMode('pass');
    // Answered after what was held back.
    expect((await get(id)).status).toBe(200);
    expect([listener.app.get(EventStreams).count, listener.app.get(LiveQueries).listenerCount]).toEqual([0, 0]);
  });

  it('is asked for by HEAD: its headers alone, and the connection serves on', async () => {
    const { hostname, port } = new URL(listener.url);
    const client = connect(Number(port), hostname).setEncoding('utf8');
    const head = `HEAD /api/queries/${await submit()}/events HTTP/1.1\r\nHost: ${hostname}\r\n\r\n`;
    client.write(`${head}GET /health/live HTTP/1.1\r\nHost: ${hostname}\r\nConnection: close\r\n\r\n`);
    const answers = (await client.toArray()).join('');
    expect(answers.match(/^HTTP\/1\.1 200/gm)).toHaveLength(2);
    expect(answers).toContain('text/event-stream');
  });

  it('of a query that nobody knows is a 404', async () => {
    expect((await get('0123456789abcdef0123456789abcdef/events')).status).toBe(404);
  });
});

describe('two thousand who wait', () => {
  it('are all told of the end, with no connection to Redis more', async () => {
    const id = await submit();
    const before = proxy.connections;
    const polls = Array.from({ length: 2_000 }, () => get(`${id}/result?wait=50`));
    await waitForWaiters(2_000);
    expect(proxy.connections).toBe(before);
    await worker.begin(id);
    await worker.end(id);
    const answers = await Promise.all(polls);
    expect(answers.every(({ status }) => status === 200)).toBe(true);
    await Promise.all(answers.map((answer) => answer.arrayBuffer()));
    await waitForWaiters(0);
  });
});

describe('the forms of a query', () => {
  it.each([
    ['application/json', 200, 'application/json; charset=utf-8'],
    ['*/*', 200, 'application/json; charset=utf-8'],
    ['application/json;charset=utf-8', 200, 'application/json; charset=utf-8'],
    ['application/json; odata="a,b"; q=0.5, image/png', 200, 'application/json; charset=utf-8'],
    ['application/json;version=1;q=0.3, text/html;level=1;q=0.4', 200, 'text/html; charset=utf-8'],
    ['application/json;charset=utf-8;q=0', 406, 'application/problem+json'],
    ['text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8', 200, 'text/html; charset=utf-8'],
    ['image/png', 406, 'application/problem+json'],
  ])('are chosen by Accept: %s', async (accept, status, type) => {
    const answer = await get(await submit(), { accept });
    expect([answer.status, answer.headers.get('content-type'), answer.headers.get('vary')]).toEqual([
      status,
      type,
      'Accept',
    ]);
    if (type.startsWith('text/html'))
      expect(answer.headers.get('content-security-policy')).toContain("default-src 'none'");
  });
});

describe('the page of a query', () => {
  it('that cannot be shown is a page too, which says why', async () => {
    const html = { accept: 'text/html' };
    const unknown = await get('0123456789abcdef0123456789abcdef', html);
    expect([unknown.status, unknown.headers.get('content-type')]).toEqual([404, 'text/html; charset=utf-8']);
    expect(await unknown.text()).toMatch(
      /<h1>This page cannot be shown<\/h1>\n<p>There is no such query\..*\(QUERY_NOT_FOUND\)/,
    );
  });
});

describe('a process that is told to go', () => {
  it('answers those who wait and ends the streams', async () => {
    const other = await startPublicListener(inject('redisUrl'), { KEY_PREFIX: keyPrefix });
    const id = await submit();
    const polling = checkedFetch(`${other.url}/api/queries/${id}/result?wait=50`);
    const events = readEvents(await checkedFetch(`${other.url}/api/queries/${id}/events`));
    await events.next();
    await waitUntil(
      'both to wait',
      () => other.app.get(LiveQueries).listenerCount,
      (waiting) => waiting === 2,
    );
    await other.stop();
    const answer = await polling;
    expect([answer.status, answer.headers.get('connection')]).toEqual([202, 'close']);
    expect((await events.next()).done).toBe(true);
  });
});
