import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { CallerQueries } from '#shared/redis/caller-queries';
import { RecordKeys } from '#shared/redis/record-keys';
import { deriveQueryId } from '../../apps/api/src/queue/query-ids';
import { checkedFetch } from '../support/checked-fetch';
import { toSubmission } from '../support/conversation';
import { type OperatorListener, startOperatorListener } from '../support/operator-listener';
import { type PublicListener, ScriptedWorker, startPublicListener } from '../support/public-listener';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy';
import { waitUntil } from '../support/wait-until';

const RANGE = { start: '2021-10-10', end: '2021-10-10' };
const QUOTA = 130;
/** In what adds a job, in what admits a submission, and in what terminates. */
const JOB = 'count-distinct';
const ADMISSION = ':status:Pending';
const TERMINATION = '"kind":"terminated"';

interface Document {
  id: string;
  createdAt: string;
  status: string;
}

let keys: RecordKeys;
let redis: Redis;
let worker: ScriptedWorker;
let proxy: TcpProxy;
let direct: PublicListener;
/** Reaches Redis through the proxy, which holds back what the test wants. */
let late: PublicListener;
let operator: OperatorListener;
let lateOperator: OperatorListener;

beforeEach(async () => {
  const redisUrl = inject('redisUrl');
  const { hostname, port } = new URL(redisUrl);
  const env = { KEY_PREFIX: `{t-${randomUUID()}}`, LIVE_QUERIES_PER_CALLER: String(QUOTA) };
  keys = new RecordKeys(env.KEY_PREFIX);
  redis = new Redis(redisUrl);
  worker = new ScriptedWorker(redisUrl, env.KEY_PREFIX);
  proxy = await startTcpProxy({ host: hostname, port: Number(port) });
  const proxied = `redis://127.0.0.1:${proxy.port}`;
  [direct, late] = await Promise.all([startPublicListener(redisUrl, env), startPublicListener(proxied, env)]);
  [operator, lateOperator] = await Promise.all([
    startOperatorListener(redisUrl, env),
    startOperatorListener(proxied, env),
  ]);
});
afterEach(async () => {
  await Promise.all([direct, late, operator, lateOperator].map((listener) => listener.stop()));
  await proxy.stop();
  worker.stop();
  redis.disconnect();
});

function submit({ url }: PublicListener, key: string): Promise<Response> {
  const { headers, ...init } = toSubmission(RANGE);
  return checkedFetch(`${url}/api/queries`, { ...init, headers: { ...headers, 'idempotency-key': key } });
}

const terminate = ({ url }: PublicListener, id: string) =>
  checkedFetch(`${url}/api/queries/${id}`, { method: 'DELETE' });
const ask = (method: string, { url }: OperatorListener, path: string) =>
  fetch(`${url}/operator/queries/${path}`, { method });

/** Starts `call`, and resolves once what has the text is held on its way to Redis. */
async function hold<T>(text: string, call: () => Promise<T>): Promise<{ called: Promise<T> }> {
  const sent = new Promise<void>((resolve) => proxy.onSent(text, resolve));
  proxy.holdFrom(text);
  const called = call();
  await sent;
  return { called };
}

/** The lists and indexes of live queries that have the id. */
async function listPlaces(id: string): Promise<string[]> {
  const lists = ['wait', 'active'].map((list) => `${keys.queue}:${list}`);
  const sets = [keys.liveQueries('anonymous'), keys.queriesOf('Pending'), keys.queriesOf('Running')];
  const ids = await Promise.all([
    ...lists.map((key) => redis.lrange(key, 0, -1)),
    ...sets.map((key) => redis.zrange(key, 0, -1)),
  ]);
  return [...lists, ...sets].filter((_, i) => ids[i]?.includes(id));
}

/** A late answer may be 503: its time was over. One with a document has that of the one query. */
async function expectReplay(answer: Response, { createdAt }: Document): Promise<void> {
  if (answer.status === 503) return;
  expect([answer.status, answer.headers.get('idempotency-replayed')]).toEqual([202, 'true']);
  expect(await answer.json()).toMatchObject({ status: 'Terminated', createdAt });
}

/** Waits until Redis has answered all that a listener had sent when its line was let go. */
async function letGo(called: Promise<Response>): Promise<Response> {
  proxy.setMode('pass');
  const answer = await called;
  await submit(late, randomUUID());
  return answer;
}

describe('a submission that is late, under a key whose query was terminated meanwhile', () => {
  it.each([
    ['its job', JOB],
    ['its admission', ADMISSION],
  ])('is a replay, and leaves nothing, where %s was on its way', async (_name, text) => {
    const { called } = await hold(text, () => submit(late, 'key'));
    const first = (await (await submit(direct, 'key')).json()) as Document;
    expect((await terminate(direct, first.id)).status).toBe(202);
    await expectReplay(await letGo(called), first);
    expect(await listPlaces(first.id)).toEqual([]);
  });

  it('adds a job to no query that has ended, though the job of that is gone', async () => {
    const { called } = await hold(JOB, () => submit(late, 'key'));
    const first = (await (await submit(direct, 'key')).json()) as Document;
    await terminate(direct, first.id);
    await redis.del(keys.job(first.id));
    await expectReplay(await letGo(called), first);
    await waitUntil(
      'it to be off the queue',
      () => listPlaces(first.id),
      (places) => places.length === 0,
    );
    await redis.del(keys.outcome(first.id));
    expect((await checkedFetch(`${direct.url}/api/queries/${first.id}`)).status).toBe(404);
  });

  it('is in all lists where the query was purged, so that the key is free', async () => {
    const { called } = await hold(JOB, () => submit(late, 'key'));
    const { id } = (await (await submit(direct, 'key')).json()) as Document;
    await terminate(direct, id);
    expect((await ask('DELETE', operator, id)).status).toBe(204);
    await letGo(called);
    await waitUntil(
      'it to be in the lists',
      () => listPlaces(id),
      (places) => places.length === 3,
    );
    const list = (await (await checkedFetch(`${direct.url}/api/queries`)).json()) as { items: Document[] };
    expect(list.items.map((one) => one.id)).toContain(id);
  });
});

describe('a restart that is late', () => {
  it.each([
    ['its job', JOB],
    ['its admission', ADMISSION],
  ])('leaves nothing where %s was on its way, and the restarted query was terminated', async (_name, text) => {
    const { id } = (await (await submit(direct, 'key')).json()) as Document;
    await worker.fail(id, 'TABLE_THROTTLED');
    const restarted = deriveQueryId('', `restarted ${id}`);
    const { called } = await hold(text, () => ask('POST', lateOperator, `${id}/restart`));
    expect((await ask('POST', operator, `${id}/restart`)).status).toBe(202);
    await terminate(direct, restarted);
    await letGo(called);
    expect(await listPlaces(restarted)).toEqual([]);
  });
});

describe('a termination that is late', () => {
  it('ends no query that was submitted under the key since the first one was purged', async () => {
    const first = (await (await submit(direct, 'key')).json()) as Document;
    const { called } = await hold(TERMINATION, () => terminate(late, first.id));
    await terminate(direct, first.id);
    expect((await ask('DELETE', operator, first.id)).status).toBe(204);
    await redis.time();
    const second = (await (await submit(direct, 'key')).json()) as Document;
    const answer = await letGo(called);
    expect([404, 503]).toContain(answer.status);
    const now = (await (await checkedFetch(`${direct.url}/api/queries/${first.id}`)).json()) as Document;
    expect(now).toMatchObject({ status: 'Pending', createdAt: second.createdAt });
  });
});

describe('the quota of a caller', () => {
  const MINUTE_MS = 60_000;
  const UNKNOWN = '0123456789abcdef0123456789abcdef';

  it('is free of entries that nothing stands behind, however many older ones are true', async () => {
    const live = keys.liveQueries('anonymous');
    for (let i = 0; i < 25; i += 1) await submit(direct, `true-${i}`);
    for (const id of await redis.zrange(live, 0, -1)) await redis.zincrby(live, -2 * MINUTE_MS, id);
    const leaked = Array.from({ length: QUOTA - 25 }, () => randomUUID().replaceAll('-', ''));
    await redis.zadd(live, ...leaked.flatMap((id) => [Date.now() - MINUTE_MS, id]));
    // More than are looked at for one submission.
    await waitUntil(
      'a submission to be accepted',
      async () => (await submit(direct, 'key')).status,
      (status) => status === 202,
    );
  });

  it('keeps a query that was submitted again since its entry was found to be left behind', async () => {
    const queries = new CallerQueries(redis, keys, 60);
    const places = [keys.liveQueries('anonymous'), keys.callerQueries('anonymous'), keys.allQueries];
    for (const place of places) await redis.zadd(place, Date.now() - MINUTE_MS, UNKNOWN);
    await queries.admit('anonymous', UNKNOWN, QUOTA);
    await queries.forget('anonymous', [UNKNOWN]);
    for (const place of places) expect(await redis.zrange(place, 0, -1)).toEqual([UNKNOWN]);
    // And one whose submission has failed is forgotten.
    await queries.forget('anonymous', [UNKNOWN], 0);
    for (const place of places) expect(await redis.zrange(place, 0, -1)).toEqual([]);
  });
});
