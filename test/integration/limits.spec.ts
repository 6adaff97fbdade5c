import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import { startRedis } from '../../apps/local/src/redis-server';
import { EVENT_TIMES } from '../../apps/api/src/public/queries/live/event-stream';
import { EventStreams } from '../../apps/api/src/public/queries/live/event-streams';
import { LiveQueries } from '../../apps/api/src/public/queries/live/live-queries';
import { startEntra } from '../support/azure/entra-double';
import { type ApiKeyFile, createApiKeyFile, createKey } from '../support/api-key-file';
import { checkedFetch } from '../support/checked-fetch';
import { toSubmission } from '../support/conversation';
import { startOperatorListener } from '../support/operator-listener';
import { type PublicListener, startPublicListener } from '../support/public-listener';
import { readEvents } from '../support/read-events';
import { waitUntil } from '../support/wait-until';

const RANGE = { start: '2021-10-10', end: '2021-10-10' };
const KEYS = { a: createKey(), second: createKey(), b: createKey() };

/** Far less than a test may take, so that what stays open is seen. */
const END_LIMIT_MS = 10_000;

let file: ApiKeyFile;
const stops: (() => Promise<void>)[] = [];

beforeAll(async () => {
  file = await createApiKeyFile({ a: [KEYS.a, KEYS.second], b: [KEYS.b] });
});
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});
afterAll(() => file.remove());

const randomId = () => randomBytes(16).toString('hex');
const asCaller = (key: string) => ({ 'x-api-key': key });

async function start(
  env: Record<string, string> = {},
  more: Parameters<typeof startPublicListener>[2] = {},
  redisUrl = inject('redisUrl'),
): Promise<PublicListener> {
  const listener = await startPublicListener(
    redisUrl,
    { KEY_PREFIX: `{t-${randomUUID()}}`, ...file.env, ...env },
    more,
  );
  stops.push(() => listener.stop());
  return listener;
}

async function submit({ url }: PublicListener, credential: Record<string, string>): Promise<string> {
  const { headers, ...submission } = toSubmission(RANGE);
  const answer = await checkedFetch(`${url}/api/queries`, {
    ...submission,
    headers: { ...(headers as Record<string, string>), ...credential },
  });
  expect(answer.status).toBe(202);
  return ((await answer.json()) as { id: string }).id;
}

function openStream({ url }: PublicListener, id: string, headers: Record<string, string>): Promise<Response> {
  return checkedFetch(`${url}/api/queries/${id}/events`, { headers });
}

const countStreams = ({ app }: PublicListener) => app.get(EventStreams).count;

function waitUntilOpen(listener: PublicListener, expected: number): Promise<number> {
  return waitUntil(
    `${expected} streams to be open`,
    () => countStreams(listener),
    (count) => count === expected,
  );
}

describe('the requests of a caller', () => {
  it('are limited over all routes and processes, whatever their ids, and those of others are not', async () => {
    const env = { KEY_PREFIX: `{t-${randomUUID()}}`, REQUESTS_PER_MINUTE: '10' };
    const both = [await start(env), await start(env)];
    const ask = (i: number, path: string, key = KEYS.a, method = 'GET') =>
      checkedFetch(`${both[i % 2]?.url}${path}`, { method, headers: asCaller(key) });
    const requests: [path: string, method?: string][] = [
      ['/api/queries'],
      [`/api/queries/${randomId()}`],
      [`/api/queries/${randomId()}/result`],
      [`/api/queries/${randomId()}/events`],
      [`/api/queries/${randomId()}`, 'DELETE'],
      [`/api/queries/${randomId()}`, 'HEAD'],
      ['/api/queries/no-id'],
      [`/api/status/${randomId()}`],
      ['/api/submit/query?s=x'],
      ['/api/queries', 'POST'],
    ];
    const statuses = [];
    for (const [i, [path, method]] of requests.entries()) statuses.push((await ask(i, path, KEYS.a, method)).status);
    expect(statuses).toEqual([200, 404, 404, 404, 404, 404, 404, 404, 400, 400]);
    for (const [i, [path, method]] of requests.entries()) {
      expect([path, (await ask(i, path, KEYS.second, method)).status]).toEqual([path, 429]);
    }
    const refused = await ask(0, `/api/queries/${randomId()}`);
    expect([refused.headers.get('ratelimit-policy'), await refused.json()]).toMatchObject([
      '"requests";q=10;w=60',
      { code: 'RATE_LIMITED' },
    ]);
    expect(refused.headers.get('ratelimit')).toMatch(/^"requests";r=0;t=\d+$/);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await ask(1, '/api/queries', KEYS.b)).status).toBe(200);
    // What has no caller has no limit, and guesses count for nobody.
    expect((await ask(0, '/api/queries', createKey())).status).toBe(401);
    for (const path of ['/health/live', '/health/ready', '/api/openapi.json', '/api/docs']) {
      expect([path, (await ask(0, path)).status]).toEqual([path, 200]);
    }
  });

  it('are let through up to the limit, however many come at once', async () => {
    const listener = await start({ REQUESTS_PER_MINUTE: '350' });
    const ask = async () => (await fetch(`${listener.url}/api/queries/no-id`, { headers: asCaller(KEYS.a) })).status;
    const statuses: number[] = [];
    for (let i = 0; i < 9; i += 1) statuses.push(...(await Promise.all(Array.from({ length: 50 }, ask))));
    expect([404, 429].map((status) => statuses.filter((one) => one === status).length)).toEqual([350, 100]);
  });

  it('are those of anyone where nobody is asked for a credential', async () => {
    const listener = await startPublicListener(inject('redisUrl'), {
      KEY_PREFIX: `{t-${randomUUID()}}`,
      REQUESTS_PER_MINUTE: '5',
    });
    stops.push(() => listener.stop());
    const poll = async () => (await checkedFetch(`${listener.url}/api/queries/${randomId()}`)).status;
    const statuses = [];
    for (let i = 0; i < 7; i += 1) statuses.push(await poll());
    expect(statuses).toEqual([404, 404, 404, 404, 404, 429, 429]);
  });

  // The embedded Redis has no limit that could be reached.
  it.runIf(inject('redisKind') !== 'embedded')(
    'are answered without a count by a Redis that takes no writes',
    async () => {
      const server = await startRedis({ kind: 'native' });
      stops.push(() => server.stop());
      const listener = await start({ REQUESTS_PER_MINUTE: '1' }, {}, server.url);
      const redis = new Redis(server.url);
      stops.push(async () => void redis.disconnect());
      await redis.config('SET', 'maxmemory', 1);
      const list = async () =>
        (await checkedFetch(`${listener.url}/api/queries`, { headers: asCaller(KEYS.a) })).status;
      expect([await list(), await list()]).toEqual([200, 200]);
      await redis.config('SET', 'maxmemory', 0);
      expect([await list(), await list()]).toEqual([200, 429]);
    },
  );
});

describe('the event streams of a caller', () => {
  it('are limited, and one that is closed makes room', async () => {
    const listener = await start({ EVENT_STREAMS_PER_CALLER: '3' });
    const [id, other] = [await submit(listener, asCaller(KEYS.a)), await submit(listener, asCaller(KEYS.b))];
    const open = [];
    for (const key of [KEYS.a, KEYS.second, KEYS.a]) open.push(await openStream(listener, id, asCaller(key)));
    await waitUntilOpen(listener, 3);
    for (const path of [`/api/queries/${id}`, `/api/queries/${id}/events`]) {
      const refused = await checkedFetch(listener.url + path, {
        headers: { ...asCaller(KEYS.a), accept: 'text/event-stream' },
      });
      expect([path, refused.status, refused.headers.get('retry-after')]).toEqual([path, 429, '10']);
      expect(await refused.json()).toMatchObject({ code: 'TOO_MANY_STREAMS' });
    }
    const foreign = await openStream(listener, other, asCaller(KEYS.b));
    expect(foreign.status).toBe(200);
    await open.pop()?.body?.cancel();
    await waitUntilOpen(listener, 3);
    const again = await openStream(listener, id, asCaller(KEYS.a));
    expect(again.status).toBe(200);
    for (const stream of [...open, foreign, again]) await stream.body?.cancel();
  });
});

describe('an event stream', () => {
  const waitUntilEnded = (listener: PublicListener) =>
    waitUntil(
      'all streams to end',
      () => countStreams(listener),
      (count) => count === 0,
      END_LIMIT_MS,
    );

  it('ends when its token does, without an `end` event', async () => {
    const entra = await startEntra();
    stops.push(() => entra.stop());
    const listener = await start({ API_KEYS_FILE: '', ...entra.env });
    // With the minute that clocks may differ by.
    const exp = Math.floor(Date.now() / 1_000) - 57;
    const [short, long] = [await entra.sign({ exp }), await entra.sign()].map((token) => ({
      authorization: `Bearer ${token}`,
    }));
    const id = await submit(listener, long ?? {});
    const [ending, staying] = [await openStream(listener, id, short ?? {}), await openStream(listener, id, long ?? {})];
    await waitUntilOpen(listener, 2);
    const events = readEvents(ending);
    expect((await events.next()).value).toMatchObject({ event: 'progress' });
    await waitUntil(
      'the stream of the token that expires to end',
      () => countStreams(listener),
      (count) => count === 1,
      END_LIMIT_MS,
    );
    expect([(await events.next()).done, Date.now() >= (exp + 60) * 1_000]).toEqual([true, true]);
    expect((await openStream(listener, id, short ?? {})).status).toBe(401);
    await staying.body?.cancel();
  });

  it('ends when its key is taken off the list, but not that of another key, and no long poll', async () => {
    const own = await createApiKeyFile({ a: [KEYS.a, KEYS.second] });
    stops.push(() => own.remove());
    const listener = await start(own.env);
    const id = await submit(listener, asCaller(KEYS.a));
    const ending = readEvents(await openStream(listener, id, asCaller(KEYS.a)));
    const first = await ending.next();
    const staying = readEvents(await openStream(listener, id, asCaller(KEYS.second)));
    await staying.next();
    const polling = checkedFetch(`${listener.url}/api/queries/${id}?wait=50`, { headers: asCaller(KEYS.a) });
    await waitUntil(
      'two streams and a poll to wait',
      () => listener.app.get(LiveQueries).listenerCount,
      (waiting) => waiting === 3,
    );
    await own.write({ a: [KEYS.second] });
    await waitUntil(
      'the stream of the removed key to end',
      () => countStreams(listener),
      (count) => count === 1,
      END_LIMIT_MS,
    );
    expect((await ending.next()).done).toBe(true);
    const resumed = { ...asCaller(KEYS.a), 'last-event-id': first.value?.id ?? '' };
    expect((await openStream(listener, id, resumed)).status).toBe(401);
    await checkedFetch(`${listener.url}/api/queries/${id}`, { method: 'DELETE', headers: asCaller(KEYS.second) });
    expect((await staying.next()).value).toMatchObject({ event: 'end' });
    expect((await polling).status).toBe(200);
  });

  it('ends after its longest time, and is resumed where it was', async () => {
    const listener = await start({}, { eventTimes: { ...EVENT_TIMES, longestMs: 300 } });
    const id = await submit(listener, asCaller(KEYS.a));
    const events = readEvents(await openStream(listener, id, asCaller(KEYS.a)));
    const first = await events.next();
    await waitUntilEnded(listener);
    expect((await events.next()).done).toBe(true);
    const resumed = () => openStream(listener, id, { ...asCaller(KEYS.a), 'last-event-id': first.value?.id ?? '' });
    expect((await readEvents(await resumed()).next()).done).toBe(true);
    const last = readEvents(await resumed());
    await checkedFetch(`${listener.url}/api/queries/${id}`, { method: 'DELETE', headers: asCaller(KEYS.a) });
    expect((await last.next()).value).toMatchObject({ event: 'end' });
  });
});

describe('the connections to the listener', () => {
  it('are limited; one that is closed makes room', async () => {
    const warnings: unknown[] = [];
    const logger = { log() {}, error() {}, warn: (...entry: unknown[]) => void warnings.push(entry) };
    const listener = await start({ MAX_CONNECTIONS: '3' }, { logger });
    const { hostname, port } = new URL(listener.url);
    const open = async (): Promise<Socket> => {
      const socket = connect(Number(port), hostname);
      socket.on('error', () => {});
      stops.push(async () => void socket.destroy());
      await once(socket, 'connect');
      return socket;
    };
    const count = () =>
      new Promise<number>((resolve) => listener.app.getHttpServer().getConnections((_error, n) => resolve(n)));
    const waitUntilCount = (expected: number) =>
      waitUntil(`${expected} connections`, count, (seen) => seen === expected);
    const sockets = [await open(), await open(), await open()];
    await waitUntilCount(3);
    for (let i = 0; i < 5; i += 1) {
      const refused = await open();
      refused.resume();
      await waitUntil(
        'the connection to be closed',
        () => refused.closed,
        (isClosed) => isClosed,
        END_LIMIT_MS,
      );
    }
    expect(warnings).toHaveLength(1);
    sockets[0]?.destroy();
    await waitUntilCount(2);
    expect((await fetch(`${listener.url}/health/live`)).status).toBe(200);
  });
});

describe('what anyone can ask for', () => {
  // The embedded Redis does not tell how often its commands were called.
  it.runIf(inject('redisKind') !== 'embedded')(
    'is whether the service is ready: Redis is asked once in two seconds',
    async () => {
      const server = await startRedis({ kind: 'native' });
      stops.push(() => server.stop());
      const listener = await start({}, {}, server.url);
      const redis = new Redis(server.url);
      stops.push(async () => void redis.disconnect());
      const ask = async () => (await fetch(`${listener.url}/health/ready`)).status;
      expect(await ask()).toBe(200);
      await redis.config('RESETSTAT');
      const began = performance.now();
      for (let i = 0; i < 20; i += 1)
        expect(new Set(await Promise.all(Array.from({ length: 50 }, ask)))).toEqual(new Set([200]));
      const probes = 1 + Math.floor((performance.now() - began) / 2_000);
      const stats = await redis.info('commandstats');
      const calls = (name: string) => Number(new RegExp(`^cmdstat_${name}:calls=(\\d+)`, 'm').exec(stats)?.[1] ?? 0);
      expect(calls('evalsha')).toBeLessThanOrEqual(probes);
      expect(calls('info')).toBeLessThanOrEqual(probes);
    },
  );

  it.each(['/api/openapi.json', '/api/docs', '/api/docs/swagger-ui.css', '/api/docs/swagger-ui-bundle.js'])(
    'is the documentation, which caches keep: %s',
    async (path) => {
      const listener = await start();
      // `fetch` adds `Cache-Control: no-cache` to a condition.
      const get = (headers: Record<string, string> = {}) => listener.app.inject({ url: path, headers });
      const answer = await get();
      const etag = String(answer.headers.etag);
      expect([answer.statusCode, answer.headers['cache-control'], etag]).toEqual([
        200,
        expect.stringMatching(/^public, max-age=\d+$/),
        expect.stringMatching(/^(W\/)?".+"$/),
      ]);
      const unchanged = await get({ 'if-none-match': etag });
      expect([unchanged.statusCode, unchanged.body.length, unchanged.headers.etag]).toEqual([304, 0, etag]);
      const changed = await get({ 'if-none-match': '"other"' });
      expect([changed.statusCode, changed.body.length > 1_000]).toEqual([200, true]);
      if (!path.includes('swagger')) {
        expect((await checkedFetch(listener.url + path, { headers: { 'if-none-match': etag } })).status).toBe(304);
      }
    },
  );
});

describe('forged tokens while the tenant is away', () => {
  it.each(['public', 'operator'] as const)('cost a log entry and a request to the tenant: %s', async (kind) => {
    const tenant = await startEntra();
    stops.push(() => tenant.stop());
    tenant.disturb({ kind: 'away' });
    const entries: unknown[] = [];
    const write = (...entry: unknown[]) => void entries.push(entry);
    const logger = { log() {}, error: write, warn: write };
    const env = { KEY_PREFIX: `{t-${randomUUID()}}`, ...tenant.env };
    const operators = { OPERATOR_AUTH: 'entra', OPERATOR_REQUIRED_ROLE: 'Queries.Operate' };
    const listener =
      kind === 'public'
        ? await startPublicListener(inject('redisUrl'), env, { logger })
        : await startOperatorListener(inject('redisUrl'), { ...env, ...operators }, undefined, { logger });
    stops.push(() => listener.stop());
    const path = kind === 'public' ? '/api/queries' : '/operator/state';
    const began = performance.now();
    for (let i = 0; i < 10; i += 1) {
      const tokens = await Promise.all(Array.from({ length: 20 }, () => tenant.sign({}, { kid: randomUUID() })));
      const answers = tokens.map((token) =>
        fetch(listener.url + path, { headers: { authorization: `Bearer ${token}` } }),
      );
      expect(new Set((await Promise.all(answers)).map(({ status }) => status))).toEqual(new Set([503]));
    }
    expect(entries).toHaveLength(1);
    // The tenant is tried again after five seconds.
    expect(tenant.requests.length).toBeLessThanOrEqual(1 + Math.floor((performance.now() - began) / 5_000));
  });
});
