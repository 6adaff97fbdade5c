import { randomUUID } from 'node:crypto';
import { Queue } from 'bullmq';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { PURGE_QUEUE } from '#shared/contract/purge-job';
import { QUERY_QUEUE, type QueryJobPayload } from '#shared/contract/query-job';
import { JobHolders } from '#shared/redis/query-runs';
import { QueryHistories } from '#shared/redis/query-histories';
import { RecordKeys } from '#shared/redis/record-keys';
import { WorkerBeats } from '#shared/redis/worker-beats';
import { checkedFetch, checkedOperatorFetch } from '../support/checked-fetch';
import { type OperatorListener, startOperatorListener } from '../support/operator-listener';
import { type PublicListener, ScriptedWorker, startPublicListener } from '../support/public-listener';
import { startTcpProxy } from '../support/tcp-proxy';

interface Item {
  id: string;
  status: string;
  caller: string;
  request: object | null;
  createdAt: string;
  error: { code: string; message: string } | null;
  history: { events: { kind: string; operator?: string; reason?: string; successor?: string }[]; dropped: number };
  worker: { id: string; isAlive: boolean; lastBeatAt: string | null } | null;
  links: Record<'self' | 'terminate' | 'restart' | 'rewind', string>;
}

const RANGE = { start: '2021-10-10', end: '2021-10-12' };
const UNKNOWN = '0123456789abcdef0123456789abcdef';

let keyPrefix: string;
let keys: RecordKeys;
let publicListener: PublicListener;
let operator: OperatorListener;
let worker: ScriptedWorker;

beforeEach(async () => {
  keyPrefix = `{t-${randomUUID()}}`;
  keys = new RecordKeys(keyPrefix);
  const env = { KEY_PREFIX: keyPrefix };
  [publicListener, operator] = await Promise.all([
    startPublicListener(inject('redisUrl'), env),
    startOperatorListener(inject('redisUrl'), env),
  ]);
  worker = new ScriptedWorker(inject('redisUrl'), keyPrefix);
  return async () => {
    await Promise.all([publicListener.stop(), operator.stop()]);
    worker.stop();
  };
});

async function submit(body: object = RANGE): Promise<string> {
  const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
  const answer = await checkedFetch(`${publicListener.url}/api/queries`, init);
  return ((await answer.json()) as Item).id;
}

async function submitFailed(): Promise<string> {
  const id = await submit();
  await worker.begin(id);
  await worker.fail(id, 'TABLE_THROTTLED');
  await worker.release(id);
  return id;
}

const ask = (method: string, path: string) => checkedOperatorFetch(operator.url + path, { method });

async function read<T = Item>(path: string, method = 'GET', status = 200): Promise<T> {
  const answer = await ask(method, path);
  expect([path, answer.status]).toEqual([path, status]);
  return (await answer.json()) as T;
}

async function codeOf(method: string, path: string): Promise<unknown> {
  const answer = await ask(method, path);
  return [answer.status, ((await answer.json()) as { code: string }).code];
}

describe('the list of all callers', () => {
  it('is newest first, in pages, by status, caller and time', async () => {
    const ids: string[] = [];
    for (let i = 0; i < 5; i += 1) ids.unshift(await submit());
    await worker.begin(ids[1] ?? '');
    const list = async (query: string) => {
      const { items, nextPageToken } = await read<{ items: Item[]; nextPageToken: string | null }>(
        `/operator/queries?${query}`,
      );
      return { ids: items.map(({ id }) => id), nextPageToken };
    };
    expect((await list('')).ids).toEqual(ids);
    expect((await list('status=Running')).ids).toEqual([ids[1]]);
    expect((await list('caller=anonymous&pageSize=2')).ids).toEqual(ids.slice(0, 2));
    expect((await list('caller=somebody')).ids).toEqual([]);
    const { nextPageToken } = await list('pageSize=3');
    expect((await list(`pageSize=3&pageToken=${nextPageToken}`)).ids).toEqual(ids.slice(3));
    const { createdAt } = await read(`/operator/queries/${ids[2]}`);
    expect((await list(`createdBefore=${createdAt}`)).ids).toContain(ids[2]);
    expect((await list('createdAfter=2099-01-01')).ids).toEqual([]);
  });

  it.each(['status=Gone', 'pageSize=0', 'caller=', 'x=1', 'createdAfter=yesterday', 'status=Failed&status=Running'])(
    'is refused with %s',
    async (query) => expect(await codeOf('GET', `/operator/queries?${query}`)).toEqual([400, 'REQUEST_INVALID']),
  );
});

describe('one query', () => {
  it('shows what is asked for, by the defaults of Durable Functions', async () => {
    const id = await submit();
    const path = `/operator/queries/${id}`;
    const request = { ...RANGE, maxAgeSeconds: 0 };
    expect(await read(path)).toMatchObject({ id, status: 'Pending', caller: 'anonymous', request, worker: null });
    expect(await read(path)).toMatchObject({ history: null });
    expect(await read(`${path}?showInput=false&showHistory=true`)).toMatchObject({
      request: null,
      history: { events: [], dropped: 0 },
    });
    expect(await codeOf('GET', `${path}?showHistory=yes`)).toEqual([400, 'REQUEST_INVALID']);
  });

  it('tells a lost worker from a slow one', async () => {
    const id = await submit();
    await worker.redis.lpush(`${keys.queue}:active`, id);
    await worker.redis.hset(keys.job(id), { pb: 'abc', processedOn: 1_000 });
    expect(await new JobHolders(worker.redis, keys).read(id)).toEqual({ worker: 'abc', since: 1_000 });
    const since = new Date(1_000).toISOString();
    const holder = async () => (await read(`/operator/queries/${id}`)).worker;
    expect(await holder()).toEqual({ id: 'abc', since, isAlive: false, lastBeatAt: null });
    const beat = { id: 'abc', host: 'h', pid: 1, startedAt: 1, version: '1', queries: [{ id, since: 1_000 }] };
    await new WorkerBeats(worker.redis, keys).beat(beat);
    expect(await holder()).toMatchObject({ isAlive: true });
    expect(await read<object>('/operator/workers')).toMatchObject({
      items: [{ id: 'abc', isAlive: true, queries: [{ id, since, link: `/operator/queries/${id}` }] }],
    });
    // As if it had last been heard of a minute ago.
    await worker.redis.zincrby(keys.workers, -60_000, 'abc');
    expect(await holder()).toMatchObject({ isAlive: false, lastBeatAt: expect.any(String) as string });
    expect(await read<object>('/operator/state')).toMatchObject({ workersAlive: 0 });
  });

  it('has a history with a bound, and with what was left out', async () => {
    const id = await submit();
    const histories = new QueryHistories(worker.redis, keys, 2);
    const begun = (at: number) => ({ kind: 'attempt-begun', at, worker: 'abc' }) as const;
    await histories.append(id, [begun(1)], 4);
    await histories.append(id, [begun(2), begun(3), begun(4)]);
    expect((await read(`/operator/queries/${id}?showHistory=true`)).history).toMatchObject({
      events: [{ at: new Date(1).toISOString() }, { at: new Date(2).toISOString() }],
      dropped: 6,
    });
    await ask('POST', `/operator/queries/${id}/terminate`);
    const { events, dropped } = keys.history(id);
    for (const key of [events, dropped]) {
      const left = (await worker.redis.pttl(keys.outcome(id))) - (await worker.redis.pttl(key));
      expect(Math.abs(left)).toBeLessThan(5_000);
    }
  });
});

describe('terminating', () => {
  it('is for good, is the same when done again, and tells the reason to operators alone', async () => {
    const id = await submit();
    const path = `/operator/queries/${id}`;
    expect(await read(`${path}/terminate?reason=too+large`, 'POST', 202)).toMatchObject({ status: 'Terminated' });
    expect(await read(`${path}/terminate?reason=again`, 'POST')).toMatchObject({ status: 'Terminated' });
    const { history, error } = await read(`${path}?showHistory=true`);
    expect(history.events).toMatchObject([{ kind: 'terminated', operator: 'anonymous', reason: 'too large' }]);
    const answer = await checkedFetch(`${publicListener.url}/api/queries/${id}`);
    const document = await answer.text();
    expect(document).not.toContain('too large');
    expect(JSON.parse(document)).toMatchObject({ status: 'Terminated', error });
    expect(await codeOf('POST', `${path}/terminate?reason=${'x'.repeat(501)}`)).toEqual([400, 'REQUEST_INVALID']);
  });

  it('leaves a query as it is that has ended', async () => {
    const id = await submitFailed();
    expect(await read(`/operator/queries/${id}/terminate`, 'POST')).toMatchObject({ status: 'Failed' });
  });
});

describe('restarting', () => {
  it('asks the same for the same caller, beyond its limits, and once however often it is asked', async () => {
    const id = await submit({ ...RANGE, maxAgeSeconds: 60 });
    const restart = () => ask('POST', `/operator/queries/${id}/restart`);
    const answers = [await restart(), await restart()];
    expect(answers.map(({ status }) => status)).toEqual([202, 200]);
    const [first, second] = (await Promise.all(answers.map((answer) => answer.json()))) as [Item, Item];
    expect(second.id).toBe(first.id);
    expect(answers[0]?.headers.get('location')).toBe(first.links.self);
    expect(first).toMatchObject({ status: 'Pending', caller: 'anonymous', request: { ...RANGE, maxAgeSeconds: 60 } });
    expect(first.id).not.toBe(id);
    const own = await (await checkedFetch(`${publicListener.url}/api/queries`)).json();
    expect(own).toMatchObject({ items: [{ id: first.id }, { id }] });
    const { history } = await read(`/operator/queries/${id}?showHistory=true`);
    expect(history.events).toMatchObject([{ kind: 'restarted', successor: first.id }]);
    const again = await read(`${first.links.restart}`, 'POST', 202);
    expect(again.id).not.toBe(first.id);
  });

  it('makes one query of many requests at the same time', async () => {
    const id = await submit();
    const answers = await Promise.all(Array.from({ length: 20 }, () => ask('POST', `/operator/queries/${id}/restart`)));
    const ids = await Promise.all(answers.map(async (answer) => ((await answer.json()) as Item).id));
    expect(new Set(ids).size).toBe(1);
    expect(await worker.redis.llen(`${keys.queue}:wait`)).toBe(2);
  });
});

describe('rewinding', () => {
  const payloadOf = async (id: string) =>
    JSON.parse((await worker.redis.hget(keys.job(id), 'data')) ?? '') as QueryJobPayload;

  it('lets a failed query go on with the days that were fresh for it, through any number of failures', async () => {
    const id = await submitFailed();
    const { createdAt } = await read(`/operator/queries/${id}`);
    const first = await read(`/operator/queries/${id}/rewind`, 'POST', 202);
    expect((await read(`/operator/queries/${id}/rewind`, 'POST')).id).toBe(first.id);
    expect(await payloadOf(first.id)).toMatchObject({ freshAsOf: Date.parse(createdAt) });
    await worker.begin(first.id);
    await worker.fail(first.id, 'TABLE_THROTTLED');
    const second = await read(first.links.rewind, 'POST', 202);
    expect(await payloadOf(second.id)).toMatchObject({ freshAsOf: Date.parse(createdAt) });
  });

  it('is refused for a query that has not failed', async () => {
    const id = await submit();
    expect(await codeOf('POST', `/operator/queries/${id}/rewind`)).toEqual([409, 'QUERY_NOT_FAILED']);
  });
});

describe('suspending', () => {
  it('and resuming can be done again and again; callers see their queries wait', async () => {
    const state = async (method: string, path: string) => (await read<{ suspended: boolean }>(path, method)).suspended;
    expect(await state('POST', '/operator/suspend')).toBe(true);
    expect(await state('POST', '/operator/suspend')).toBe(true);
    const id = await submit();
    expect(await (await checkedFetch(`${publicListener.url}/api/queries/${id}`)).json()).toMatchObject({
      status: 'Pending',
    });
    const { durability, ...whole } = await read<{ durability: object }>('/operator/state');
    // The embedded Redis, which may be the one of these tests, does not report it.
    expect([
      { level: 'second', lastWriteOk: true },
      { level: 'unknown', lastWriteOk: null },
    ]).toContainEqual(durability);
    expect(whole).toEqual({
      suspended: true,
      queries: { waiting: 1, active: 0 },
      workersAlive: 0,
    });
    expect(await state('POST', '/operator/resume')).toBe(false);
    expect(await state('POST', '/operator/resume')).toBe(false);
  });
});

describe('purging', () => {
  it('leaves nothing of a query that has ended', async () => {
    const id = await submitFailed();
    await ask('POST', `/operator/queries/${id}/restart`);
    const { id: restarted } = await read(`/operator/queries/${id}/restart`, 'POST');
    expect((await ask('DELETE', `/operator/queries/${id}`)).status).toBe(204);
    expect(await codeOf('DELETE', `/operator/queries/${id}`)).toEqual([404, 'QUERY_NOT_FOUND']);
    const left = await worker.redis.keys(`${keyPrefix}*${id}*`);
    const lists = [keys.allQueries, keys.callerQueries('anonymous'), keys.liveQueries('anonymous')];
    const members = await Promise.all(lists.map((list) => worker.redis.zrange(list, 0, -1)));
    expect([left, members]).toEqual([[], [[restarted], [restarted], [restarted]]]);
    expect((await checkedFetch(`${publicListener.url}/api/queries/${id}`)).status).toBe(404);
  });

  it('is refused while the query lives, or its worker has not let go', async () => {
    const id = await submit();
    const purge = () => codeOf('DELETE', `/operator/queries/${id}`);
    expect(await purge()).toEqual([409, 'QUERY_NOT_ENDED']);
    await worker.begin(id);
    await worker.end(id);
    expect(await purge()).toEqual([409, 'QUERY_NOT_ENDED']);
    await worker.release(id);
    expect((await ask('DELETE', `/operator/queries/${id}`)).status).toBe(204);
  });

  it('of many queries is queued, and can be followed', async () => {
    const answer = await ask('DELETE', '/operator/queries?status=Failed&createdBefore=2021-10-10');
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([202, '1']);
    const purge = (await answer.json()) as { links: { self: string } };
    expect(answer.headers.get('location')).toBe(purge.links.self);
    expect(await read<object>(purge.links.self)).toMatchObject({
      status: 'Pending',
      request: { status: 'Failed', createdBefore: '2021-10-10T00:00:00.000Z' },
      progress: { looked: 0, purged: 0 },
    });
    expect(await codeOf('GET', `/operator/purges/${UNKNOWN}`)).toEqual([404, 'PURGE_NOT_FOUND']);
    expect(await codeOf('DELETE', '/operator/queries?status=Running')).toEqual([400, 'REQUEST_INVALID']);
    const queue = new Queue(PURGE_QUEUE, { connection: worker.redis, prefix: keyPrefix });
    // Nothing that would make it wait for a time by the clock of one machine.
    expect(await queue.getWaiting()).toMatchObject([{ opts: { attempts: 10, backoff: undefined }, delay: 0 }]);
    await queue.close();
  });
});

describe('the audit log', () => {
  it('has every change and every attempt, newest first, with who and how it went', async () => {
    const id = await submit();
    await ask('POST', `/operator/queries/${id}/terminate?reason=enough`);
    await ask('POST', `/operator/queries/${id}/rewind`);
    await ask('POST', '/operator/suspend');
    await ask('GET', '/operator/state');
    const { items } = await read<{ items: object[] }>('/operator/audit');
    const at = expect.any(String) as string;
    expect(items).toEqual([
      { at, who: 'anonymous', action: 'POST /operator/suspend', target: '', parameters: {}, outcome: '200' },
      {
        ...{ at, who: 'anonymous', action: 'POST /operator/queries/{id}/rewind', target: id, parameters: {} },
        outcome: '409 QUERY_NOT_FAILED',
      },
      {
        ...{ at, who: 'anonymous', action: 'POST /operator/queries/{id}/terminate', target: id },
        ...{ parameters: { reason: 'enough' }, outcome: '202' },
      },
    ]);
    expect(await read<{ items: object[] }>('/operator/audit?count=1')).toEqual({ items: items.slice(0, 1) });
    expect(await codeOf('GET', '/operator/audit?count=0')).toEqual([400, 'REQUEST_INVALID']);
  });
});

describe('what is not there', () => {
  it.each<[string, string]>([
    ['GET', ''],
    ['POST', '/terminate'],
    ['POST', '/restart'],
    ['POST', '/rewind'],
    ['DELETE', ''],
  ])('is not found by %s %s', async (method, path) => {
    for (const id of [UNKNOWN, 'x', '%7B']) {
      expect(await codeOf(method, `/operator/queries/${id}${path}`)).toEqual([404, 'QUERY_NOT_FOUND']);
    }
    expect(await codeOf(method, `/operator/queries/%FF${path}`)).toEqual([404, 'ROUTE_NOT_FOUND']);
  });

  it('is told by the methods that there are', async () => {
    const answer = await ask('PUT', '/operator/suspend');
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'POST']);
    expect((await ask('OPTIONS', '/operator/suspend')).status).toBe(204);
    expect(await codeOf('GET', '/operator')).toEqual([404, 'ROUTE_NOT_FOUND']);
  });

  it('includes whatever is sent in a body', async () => {
    const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{' };
    const answer = await checkedOperatorFetch(`${operator.url}/operator/suspend`, init);
    expect(answer.status).toBe(200);
  });
});

describe('without Redis', () => {
  let cut: OperatorListener;
  let proxy: Awaited<ReturnType<typeof startTcpProxy>>;

  beforeAll(async () => {
    const { hostname, port } = new URL(inject('redisUrl'));
    proxy = await startTcpProxy({ host: hostname, port: Number(port) });
    cut = await startOperatorListener(`redis://127.0.0.1:${proxy.port}`, { KEY_PREFIX: `{t-${randomUUID()}}` });
    proxy.setMode('cut');
  });
  afterAll(async () => {
    await cut.stop();
    await proxy.stop();
  });

  it.each<[string, string]>([
    ['GET', '/operator/queries'],
    ['DELETE', '/operator/queries'],
    ['GET', `/operator/queries/${UNKNOWN}`],
    ['DELETE', `/operator/queries/${UNKNOWN}`],
    ['POST', `/operator/queries/${UNKNOWN}/terminate`],
    ['POST', `/operator/queries/${UNKNOWN}/restart`],
    ['POST', `/operator/queries/${UNKNOWN}/rewind`],
    ['GET', `/operator/purges/${UNKNOWN}`],
    ['POST', '/operator/suspend'],
    ['POST', '/operator/resume'],
    ['GET', '/operator/state'],
    ['GET', '/operator/workers'],
    ['GET', '/operator/audit'],
  ])('%s %s is 503', async (method, path) => {
    const answer = await checkedOperatorFetch(cut.url + path, { method });
    expect([answer.status, await answer.json()]).toMatchObject([503, { code: 'SERVICE_UNAVAILABLE' }]);
  });
});

describe('the queue of queries', () => {
  it('is the one that workers listen to', () => expect(keys.queue).toBe(`${keyPrefix}:${QUERY_QUEUE}`));
});

describe('where Redis is silent', () => {
  it('a change is 503 in two seconds, though it cannot be written down', async () => {
    const { hostname, port } = new URL(inject('redisUrl'));
    const proxy = await startTcpProxy({ host: hostname, port: Number(port) });
    const silenced = await startOperatorListener(`redis://127.0.0.1:${proxy.port}`, { KEY_PREFIX: keyPrefix });
    proxy.setMode('silent');
    const askedAt = performance.now();
    const answer = await checkedOperatorFetch(`${silenced.url}/operator/suspend`, { method: 'POST' });
    const tookMs = performance.now() - askedAt;
    await silenced.stop();
    await proxy.stop();
    expect(answer.status).toBe(503);
    expect(tookMs).toBeLessThan(2_000);
  });
});
