import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { RecordKeys } from '#shared/redis/record-keys';
import { type ApiKeyFile, createApiKeyFile, createKey } from '../support/api-key-file';
import { checkedFetch } from '../support/checked-fetch';
import { toSubmission } from '../support/conversation';
import { type PublicListener, ScriptedWorker, startPublicListener } from '../support/public-listener';

interface Document {
  id: string;
  status: string;
}

const RANGE = { start: '2021-10-10', end: '2021-12-10' };
const UNKNOWN = '0123456789abcdef0123456789abcdef';
const KEYS = { owner: createKey(), stranger: createKey() };

const keyPrefix = `{t-${randomUUID()}}`;
const keys = new RecordKeys(keyPrefix);
let file: ApiKeyFile;
let listener: PublicListener;
let worker: ScriptedWorker;

beforeAll(async () => {
  file = await createApiKeyFile({ owner: [KEYS.owner], stranger: [KEYS.stranger] });
  listener = await startPublicListener(inject('redisUrl'), { KEY_PREFIX: keyPrefix, ...file.env });
  worker = new ScriptedWorker(inject('redisUrl'), keyPrefix);
});
afterAll(async () => {
  worker.stop();
  await listener.stop();
  await file.remove();
});

function ask(caller: keyof typeof KEYS, path: string, init: RequestInit = {}, url = listener.url): Promise<Response> {
  const headers = { ...(init.headers as Record<string, string>), 'x-api-key': KEYS[caller] };
  return checkedFetch(url + path, { ...init, headers });
}

async function submit(caller: keyof typeof KEYS, more: Record<string, string> = {}, url?: string): Promise<string> {
  const submission = toSubmission(RANGE);
  const headers = { ...(submission.headers as Record<string, string>), ...more };
  const answer = await ask(caller, '/api/queries', { ...submission, headers }, url);
  return ((await answer.json()) as Document).id;
}

const statusOf = async (id: string) => ((await (await ask('owner', `/api/queries/${id}`)).json()) as Document).status;

/** Everything of an answer but the moment, with the id taken out. */
async function readAll(answer: Response, id: string) {
  const headers = [...answer.headers].filter(([name]) => name !== 'date' && name !== 'ratelimit');
  return { status: answer.status, headers, body: (await answer.text()).replaceAll(id, 'ID') };
}

const WAYS: readonly [string, path: (id: string) => string, RequestInit][] = [
  ['the status', (id) => `/api/queries/${id}`, {}],
  ['its head', (id) => `/api/queries/${id}`, { method: 'HEAD' }],
  ['its page', (id) => `/api/queries/${id}`, { headers: { accept: 'text/html' } }],
  ['its stream', (id) => `/api/queries/${id}`, { headers: { accept: 'text/event-stream' } }],
  ['a long poll', (id) => `/api/queries/${id}?wait=30`, {}],
  ['a preference to wait', (id) => `/api/queries/${id}`, { headers: { prefer: 'wait=30' } }],
  ['a change', (id) => `/api/queries/${id}?wait=30`, { headers: { 'if-none-match': '*' } }],
  ['the result', (id) => `/api/queries/${id}/result`, {}],
  ['a long poll for the result', (id) => `/api/queries/${id}/result?wait=30`, {}],
  ['the events', (id) => `/api/queries/${id}/events`, {}],
  ['the events from the last one on', (id) => `/api/queries/${id}/events`, { headers: { 'last-event-id': 'x' } }],
  ['terminating', (id) => `/api/queries/${id}`, { method: 'DELETE' }],
  ['the status, as the original has it', (id) => `/api/status/${id}`, {}],
];

describe('a query of somebody else', () => {
  const STATES: readonly [string, (id: string) => Promise<void>][] = [
    ['Pending', async () => {}],
    ['Running', (id) => worker.begin(id)],
    ['Completed', (id) => worker.begin(id).then(() => worker.end(id))],
    ['Terminated', async (id) => void (await ask('owner', `/api/queries/${id}`, { method: 'DELETE' }))],
  ];

  it.each(STATES)('is the same as one that is unknown, in every way, when it is %s', async (status, prepare) => {
    const id = await submit('owner');
    await prepare(id);
    for (const [way, toPath, init] of WAYS) {
      const [foreign, unknown] = await Promise.all(
        [id, UNKNOWN].map(async (one) => readAll(await ask('stranger', toPath(one), init), one)),
      );
      expect([way, unknown?.status]).toEqual([way, 404]);
      expect([way, foreign]).toEqual([way, unknown]);
    }
    expect(await statusOf(id)).toBe(status);
  });

  it('is so too when the original’s route has submitted it', async () => {
    const answer = await ask('owner', '/api/submit/query?s=10/10/2021&e=10/12/2021');
    const { statusUri } = (await answer.json()) as { statusUri: string };
    expect((await ask('owner', statusUri)).status).toBe(202);
    const stranger = await ask('stranger', statusUri);
    expect([stranger.status, await stranger.text()]).toEqual([404, 'Job not found']);
  });

  it('is in nobody else’s list, whatever page and filter is asked for', async () => {
    const id = await submit('owner');
    const list = async (caller: keyof typeof KEYS, query: string) =>
      ((await (await ask(caller, `/api/queries${query}`)).json()) as { items: Document[] }).items.map(
        (item) => item.id,
      );
    expect(await list('owner', '?pageSize=100')).toContain(id);
    for (const query of ['', '?status=Pending', `?pageToken=${Date.now() + 1_000}-${id}`]) {
      expect(await list('stranger', query)).not.toContain(id);
    }
  });

  it('is not found again by its idempotency key', async () => {
    const key = { 'idempotency-key': randomUUID() };
    const id = await submit('owner', key);
    const other = await submit('stranger', key);
    expect([await submit('owner', key), other === id]).toEqual([id, false]);
    expect((await ask('stranger', `/api/queries/${id}`)).status).toBe(404);
    expect((await ask('owner', `/api/queries/${other}`)).status).toBe(404);
  });

  it('costs whoever asks for it, and not its owner', async () => {
    const env = { ...file.env, POLLS_PER_MINUTE: '2', SUBMISSIONS_PER_MINUTE: '2', LIVE_QUERIES_PER_CALLER: '2' };
    const strict = await startPublicListener(inject('redisUrl'), { KEY_PREFIX: `{t-${randomUUID()}}`, ...env });
    const id = await submit('owner', {}, strict.url);
    const poll = async (caller: keyof typeof KEYS) => (await ask(caller, `/api/queries/${id}`, {}, strict.url)).status;
    const statuses = [];
    for (const caller of ['stranger', 'stranger', 'stranger', 'owner', 'owner', 'owner'] as const) {
      statuses.push(await poll(caller));
    }
    expect(statuses).toEqual([404, 404, 429, 200, 200, 429]);
    const once = () => ask('stranger', '/api/queries', toSubmission(RANGE), strict.url);
    expect([(await once()).status, (await once()).status, (await once()).status]).toEqual([202, 202, 429]);
    expect((await ask('owner', '/api/queries', toSubmission(RANGE), strict.url)).status).toBe(202);
    await strict.stop();
  });

  it('belongs to a name that no other way of calling can have', async () => {
    const id = await submit('owner');
    const job = JSON.parse((await worker.redis.hget(keys.job(id), 'data')) ?? '{}') as { caller: string };
    expect(job.caller).toBe('key:owner');
    // Whom nobody asked is not the one whom somebody called so.
    const open = await startPublicListener(inject('redisUrl'), { KEY_PREFIX: keyPrefix });
    expect((await checkedFetch(`${open.url}/api/queries/${id}`)).status).toBe(404);
    await open.stop();
  });
});

describe('an id', () => {
  it('is 128 random bits: nothing of one is in the next', async () => {
    const ids = await Promise.all(Array.from({ length: 64 }, () => submit('owner')));
    expect(new Set(ids).size).toBe(64);
    // Of 64 random digits in one place, all are the same once in 16^63 tries.
    for (let place = 0; place < 32; place += 1) {
      expect(new Set(ids.map((id) => id[place])).size).toBeGreaterThan(1);
    }
  });
});
