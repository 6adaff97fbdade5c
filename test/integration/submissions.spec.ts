import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { RecordKeys } from '#shared/redis/record-keys';
import { checkedFetch } from '../support/checked-fetch';
import { type PublicListener, ScriptedWorker, startPublicListener } from '../support/public-listener';

interface Document {
  id: string;
  status: string;
  request: { start: string };
}

interface List {
  items: Document[];
  nextPageToken: string | null;
}

const RANGE = { start: '2021-10-10', end: '2021-10-12' };

const keyPrefix = `{t-${randomUUID()}}`;
const keys = new RecordKeys(keyPrefix);
let listeners: PublicListener[];
let worker: ScriptedWorker;

/** One of three processes, each time another. */
const url = (() => {
  let turn = 0;
  return () => listeners[(turn += 1) % listeners.length]?.url ?? '';
})();

beforeAll(async () => {
  const start = () => startPublicListener(inject('redisUrl'), { KEY_PREFIX: keyPrefix });
  listeners = await Promise.all([start(), start(), start()]);
  worker = new ScriptedWorker(inject('redisUrl'), keyPrefix);
});
afterAll(async () => {
  await Promise.all(listeners.map((listener) => listener.stop()));
  worker.stop();
});

function submit(body: object = RANGE, headers: Record<string, string> = {}, origin = url()): Promise<Response> {
  return checkedFetch(`${origin}/api/queries`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
}

/** As a client does that was told to try again, which on a busy machine some are. */
async function submitUntilTaken(headers: Record<string, string>, body: object = RANGE): Promise<Response> {
  for (;;) {
    const answer = await submit(body, headers);
    if (answer.status !== 503) return answer;
  }
}

const idOf = async (answer: Response) => ((await answer.json()) as Document).id;

describe('the job of a query', () => {
  it('is tried again as one that waits for nothing, least of all for a time by the clock of one machine', async () => {
    const id = await idOf(await submit());
    const opts = JSON.parse((await worker.redis.hget(keys.job(id), 'opts')) ?? '') as object;
    expect(opts).toMatchObject({ attempts: 3 });
    expect(opts).not.toHaveProperty('backoff');
    expect(opts).not.toHaveProperty('delay');
  });
});

describe('an idempotency key', () => {
  it('takes null for an optional member as the member left out', async () => {
    const headers = { 'idempotency-key': randomUUID() };
    const first = await submitUntilTaken(headers, { ...RANGE, maxAgeSeconds: null });
    const again = await submitUntilTaken(headers, RANGE);
    expect([first.status, again.status, again.headers.get('idempotency-replayed')]).toEqual([202, 202, 'true']);
    expect(await idOf(again)).toBe(await idOf(first));
  });

  it('makes 200 submissions to three processes one query', async () => {
    const waiting = await worker.redis.llen(`${keys.queue}:wait`);
    const key = randomUUID();
    const submissions = Array.from({ length: 200 }, () => submitUntilTaken({ 'idempotency-key': key }));
    const answers = await Promise.all(submissions);
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 202));
    const first = answers.filter(({ headers }) => headers.get('idempotency-replayed') !== 'true');
    expect(first.length).toBeLessThanOrEqual(1);
    expect(new Set(await Promise.all(answers.map(idOf))).size).toBe(1);
    expect(await worker.redis.llen(`${keys.queue}:wait`)).toBe(waiting + 1);
  });

  it('belongs to one request, however the others race', async () => {
    const key = randomUUID();
    const bodies = Array.from({ length: 40 }, (_, i) => ({ ...RANGE, maxAgeSeconds: i % 2 }));
    const answers = await Promise.all(bodies.map((body) => submitUntilTaken({ 'idempotency-key': key }, body)));
    const [taken, refused] = [202, 422].map((status) => answers.filter((answer) => answer.status === status));
    expect([taken?.length, refused?.length]).toEqual([20, 20]);
    expect(await refused?.[0]?.json()).toMatchObject({ code: 'IDEMPOTENCY_KEY_REUSED' });
    expect(new Set(await Promise.all((taken ?? []).map(idOf))).size).toBe(1);
  });

  it('gives the finished query to whoever would wait for it, and 202 to others', async () => {
    const headers = { 'idempotency-key': randomUUID() };
    const id = await idOf(await submit(RANGE, headers));
    await worker.begin(id);
    await worker.end(id);
    const waited = await submit(RANGE, { ...headers, prefer: 'wait=10' });
    expect([waited.status, waited.headers.get('idempotency-replayed')]).toEqual([200, 'true']);
    expect(await waited.json()).toMatchObject({ id, status: 'Completed' });
    const other = await submit(RANGE, headers);
    expect([other.status, other.headers.get('retry-after'), await idOf(other)]).toEqual([202, '1', id]);
  });

  it('can be used again when its query has expired, though its job is still there', async () => {
    const headers = { 'idempotency-key': randomUUID() };
    const id = await idOf(await submit(RANGE, headers));
    await worker.begin(id);
    await worker.end(id);
    await worker.redis.del(keys.outcome(id), keys.jobLock(id));
    expect((await checkedFetch(`${url()}/api/queries/${id}`)).status).toBe(404);
    const answers = await Promise.all(Array.from({ length: 20 }, () => submit(RANGE, headers)));
    expect(new Set(await Promise.all(answers.map(idOf)))).toEqual(new Set([id]));
    expect(answers.filter((answer) => answer.headers.get('idempotency-replayed') === null)).toHaveLength(1);
    expect(await (await checkedFetch(`${url()}/api/queries/${id}`)).json()).toMatchObject({ status: 'Pending' });
    const queued = await worker.redis.lrange(`${keys.queue}:wait`, 0, -1);
    expect(queued.filter((one) => one === id)).toHaveLength(1);
  });

  it.each(['', 'x'.repeat(256)])('is refused when it is malformed: %j', async (key) => {
    const answer = await submit(RANGE, { 'idempotency-key': key });
    expect([answer.status, await answer.json()]).toMatchObject([400, { code: 'IDEMPOTENCY_KEY_INVALID' }]);
  });

  it('is named in the error only if the body is right', async () => {
    const answer = await submit({ start: '2021-10-10' }, { 'idempotency-key': '' });
    expect([answer.status, await answer.json()]).toMatchObject([400, { code: 'REQUEST_INVALID' }]);
  });
});

describe('the list', () => {
  const listPrefix = `{t-${randomUUID()}}`;
  let own: PublicListener;
  let scripted: ScriptedWorker;
  const ids: string[] = [];

  beforeAll(async () => {
    own = await startPublicListener(inject('redisUrl'), { KEY_PREFIX: listPrefix });
    scripted = new ScriptedWorker(inject('redisUrl'), listPrefix);
    for (let i = 0; i < 25; i += 1) {
      ids.unshift(await idOf(await submit({ ...RANGE, maxAgeSeconds: i }, {}, own.url)));
    }
    for (const id of ids.filter((_, i) => i % 5 === 0)) await scripted.begin(id);
  });
  afterAll(async () => {
    await own.stop();
    scripted.stop();
  });

  const read = async (query = '') => {
    const answer = await checkedFetch(`${own.url}/api/queries${query}`);
    return { answer, list: (await answer.json()) as List };
  };

  async function readAll(query: string): Promise<string[]> {
    const found: string[] = [];
    let next: string | undefined = `/api/queries${query}`;
    while (next !== undefined) {
      const answer: Response = await checkedFetch(own.url + next);
      found.push(...((await answer.json()) as List).items.map(({ id }) => id));
      next = /^<([^>]+)>; rel="next"$/.exec(answer.headers.get('link') ?? '')?.[1];
    }
    return found;
  }

  it('has the caller’s queries, newest first, as whole documents', async () => {
    const { answer, list } = await read();
    expect([answer.status, answer.headers.get('cache-control')]).toEqual([200, 'no-store']);
    expect(list.items).toHaveLength(20);
    expect(list.items[3]).toEqual(await (await checkedFetch(`${own.url}/api/queries/${list.items[3]?.id}`)).json());
  });

  it.each([1, 7, 20, 25, 100])('comes in pages of %i, none missing and none twice', async (pageSize) => {
    const found = await readAll(`?pageSize=${pageSize}`);
    expect(found).toHaveLength(25);
    // Several may share a millisecond, in which the order is that of their ids.
    expect(new Set(found)).toEqual(new Set(ids));
  });

  it('can be filtered by status and time', async () => {
    expect(new Set(await readAll('?status=Running&pageSize=2'))).toEqual(new Set(ids.filter((_, i) => i % 5 === 0)));
    expect(await readAll('?status=Failed')).toEqual([]);
    expect(await readAll('?createdAfter=2999-01-01')).toEqual([]);
    expect(await readAll('?createdBefore=2020-01-01T00:00:00Z')).toEqual([]);
    expect(await readAll('?createdAfter=2020-01-01&createdBefore=2999-01-01T00:00:00%2B01:00')).toHaveLength(25);
  });

  it('passes over what has expired', async () => {
    const gone = ids[4] ?? '';
    await scripted.redis.del(`${listPrefix}:queries:${gone}`);
    expect(await readAll('?pageSize=10')).toHaveLength(24);
  });

  it.each([
    '?pageSize=0',
    '?pageSize=101',
    '?pageSize=x',
    '?status=Done',
    '?status=Running&status=Failed',
    '?pageSize=1e1',
    '?pageSize=0x5',
    '?pageSize=5&pageSize=5',
    '?createdAfter=yesterday',
    '?createdAfter=2021-02-30',
    '?createdBefore=2021-02-31T00:00:00Z',
    '?createdAfter=2021-02-31T99:00:00Z',
    '?pageToken=x',
    '?pagesize=5',
  ])('refuses %s', async (query) => {
    const { answer, list } = await read(query);
    expect([answer.status, list]).toMatchObject([400, { code: 'REQUEST_INVALID' }]);
  });
});

describe('limits', () => {
  const limitPrefix = `{t-${randomUUID()}}`;
  let both: PublicListener[];
  const origin = (i: number) => both[i % 2]?.url ?? '';

  beforeAll(async () => {
    const env = {
      KEY_PREFIX: limitPrefix,
      SUBMISSIONS_PER_MINUTE: '12',
      LIVE_QUERIES_PER_CALLER: '5',
      POLLS_PER_MINUTE: '4',
    };
    both = await Promise.all([1, 2].map(() => startPublicListener(inject('redisUrl'), env)));
  });
  afterAll(() => Promise.all(both.map((one) => one.stop())));

  it('hold over all processes: live queries, submissions, polls', async () => {
    const ids: string[] = [];
    for (let i = 0; i < 5; i += 1) ids.push(await idOf(await submit(RANGE, {}, origin(i))));
    const sixth = await submit(RANGE, {}, origin(0));
    expect([sixth.status, sixth.headers.get('retry-after'), await sixth.json()]).toMatchObject([
      429,
      '10',
      { code: 'TOO_MANY_LIVE_QUERIES' },
    ]);
    expect(sixth.headers.get('ratelimit-policy')).toBe('"submissions";q=12;w=60');
    await checkedFetch(`${origin(1)}/api/queries/${ids[0]}`, { method: 'DELETE' });
    const again = await submit(RANGE, {}, origin(1));
    expect([again.status, again.headers.get('ratelimit')]).toEqual([
      202,
      expect.stringMatching(/^"submissions";r=5;t=\d+$/),
    ]);
    for (let i = 0; i < 5; i += 1) await submit(RANGE, {}, origin(i));
    const tooMany = await submit(RANGE, {}, origin(1));
    expect([tooMany.status, await tooMany.json()]).toMatchObject([429, { code: 'RATE_LIMITED' }]);
    expect(Number(tooMany.headers.get('retry-after'))).toBeGreaterThan(0);

    const poll = (i: number, id: string) => checkedFetch(`${origin(i)}/api/queries/${id}`);
    const statuses: number[] = [];
    for (let i = 0; i < 6; i += 1) statuses.push((await poll(i, ids[1] ?? '')).status);
    expect(statuses).toEqual([200, 200, 200, 200, 429, 429]);
    const other = await poll(0, ids[2] ?? '');
    expect([other.status, other.headers.get('ratelimit')]).toEqual([200, expect.stringMatching(/^"polls";r=3;t=\d+$/)]);
  });
});

describe('the limit of live queries', () => {
  it('counts a query once, however many submissions of its key race', async () => {
    const env = { KEY_PREFIX: `{t-${randomUUID()}}`, LIVE_QUERIES_PER_CALLER: '1' };
    const one = await startPublicListener(inject('redisUrl'), env);
    const headers = { 'idempotency-key': 'k' };
    const answers = await Promise.all(Array.from({ length: 12 }, () => submit(RANGE, headers, one.url)));
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 202));
    expect(new Set(await Promise.all(answers.map(idOf))).size).toBe(1);
    expect((await submit(RANGE, {}, one.url)).status).toBe(429);
    await one.stop();
  });
});

describe('scripts of other origins', () => {
  it('are let in where they are named, and can read the headers', async () => {
    const env = { KEY_PREFIX: keyPrefix, CORS_ORIGINS: 'https://App.example:443/, https://other.example' };
    const listener = await startPublicListener(inject('redisUrl'), env);
    try {
      const preflight = await fetch(`${listener.url}/api/queries`, {
        method: 'OPTIONS',
        headers: {
          origin: 'https://app.example',
          'access-control-request-method': 'POST',
          'access-control-request-headers': 'content-type,prefer,idempotency-key',
        },
      });
      expect(preflight.status).toBe(204);
      expect(preflight.headers.get('access-control-allow-origin')).toBe('https://app.example');
      expect(preflight.headers.get('access-control-allow-headers')).toContain('idempotency-key');
      const removal = await fetch(`${listener.url}/api/queries/0123456789abcdef0123456789abcdef`, {
        method: 'OPTIONS',
        headers: { origin: 'https://other.example', 'access-control-request-method': 'DELETE' },
      });
      expect(removal.headers.get('access-control-allow-methods')).toContain('DELETE');
      const answer = await submit(RANGE, { origin: 'https://app.example' }, listener.url);
      expect(answer.headers.get('access-control-allow-origin')).toBe('https://app.example');
      const exposed = answer.headers.get('access-control-expose-headers')?.split(', ');
      expect(exposed).toEqual(expect.arrayContaining(['Location', 'Retry-After', 'Link', 'ETag', 'RateLimit']));
      const { id } = (await answer.json()) as { id: string };
      for (const accept of ['application/json', 'text/html', 'text/event-stream', 'image/png']) {
        // A cache must keep apart what is for whom, and which form it is of.
        const headers = { origin: 'https://app.example', accept };
        const status = await checkedFetch(`${listener.url}/api/queries/${id}`, { headers });
        expect([accept, status.headers.get('vary')]).toEqual([accept, 'Origin, Accept']);
        await status.body?.cancel();
      }
      const stranger = await submit(RANGE, { origin: 'https://evil.example' }, listener.url);
      expect(stranger.headers.get('access-control-allow-origin')).toBeNull();
    } finally {
      await listener.stop();
    }
  });

  it('are not let in otherwise', async () => {
    const answer = await submit(RANGE, { origin: 'https://app.example' });
    expect(answer.headers.get('access-control-allow-origin')).toBeNull();
  });
});
