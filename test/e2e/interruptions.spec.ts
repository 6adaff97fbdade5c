import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { Redis } from 'ioredis';
import { EVENT_TIMES } from '../../apps/api/src/public/queries/live/event-stream';
import { checkedFetch } from '../support/checked-fetch';
import { toSubmission } from '../support/conversation';
import { readEvents } from '../support/read-events';
import { type ServiceProcess, startApi, startWorker, waitUntilReady } from '../support/service-processes';
import { generateDays } from '../support/table-double/generated-table';
import { startTableDouble, toConnectionString } from '../support/table-double/start-table-double';
import type { TableDouble } from '../support/table-double/table-double';
import { waitUntil } from '../support/wait-until';

interface Document {
  id: string;
  status: string;
  progress: { percent: number; daysDone: number; entitiesRead: number };
  result: { count: number; daysReused: number } | null;
  error: { code: string; message: string } | null;
}

const DAYS = 20;
const RANGE = { start: '2021-10-01', end: '2021-10-20' };

let double: TableDouble;
let env: Record<string, string>;
let api: ServiceProcess;
let workers: ServiceProcess[];

beforeEach(async () => {
  const rows = {
    partitions: generateDays('2021-10-01', DAYS, 2_500),
    distinctIdentifiers: 20_000,
    withoutIdentifier: 0.01,
  };
  double = await startTableDouble({
    tables: { audit: { kind: 'generated', rows } },
    faults: [{ fault: { kind: 'latency', ms: 60 } }],
  });
  env = {
    REDIS_URL: inject('redisUrl'),
    KEY_PREFIX: `{t-${randomUUID()}}`,
    TABLE_CONNECTION_STRING: double.connectionString,
    SCAN_CONCURRENCY: '2',
    LOCK_SECONDS: '1',
    PAGE_RETRY_SECONDS: '2',
  };
  api = await startApi(env);
  await waitUntilReady(api);
  workers = [];
});

afterEach(async () => {
  const ends = await Promise.all([api, ...workers].map((process) => process.end()));
  await double.stop();
  for (const end of ends) expect([0, 'SIGKILL']).toContain(end);
});

async function addWorker(more: Record<string, string> = {}): Promise<ServiceProcess> {
  const worker = await startWorker({ ...env, ...more });
  workers.push(worker);
  return worker;
}

async function submit(): Promise<string> {
  const answer = await checkedFetch(`${api.url}/api/queries`, toSubmission(RANGE));
  expect(answer.status).toBe(202);
  return ((await answer.json()) as Document).id;
}

async function read(id: string): Promise<Document> {
  return (await (await checkedFetch(`${api.url}/api/queries/${id}`)).json()) as Document;
}

function waitFor(id: string, what: string, isReached: (document: Document) => boolean): Promise<Document> {
  return waitUntil(what, () => read(id), isReached, 60_000);
}

const isOver = ({ status }: Document) => status !== 'Pending' && status !== 'Running';
const firstPages = () => double.requests.filter(({ continuation }) => continuation === null);

describe('a query whose worker is lost', () => {
  it('goes on with another one: the same count, and no stored day read again', async () => {
    const first = await addWorker();
    const id = await submit();
    await waitFor(id, 'some days to be done', ({ progress }) => progress.daysDone >= 4);
    expect(await first.end('SIGKILL')).toBe('SIGKILL');
    const { progress } = await read(id);
    double.reset();
    await addWorker();
    const document = await waitFor(id, 'the end', isOver);
    expect(document).toMatchObject({ status: 'Completed', result: { count: truth().count, daysReused: 0 } });
    const daysReadAgain = new Set(firstPages().map(({ day }) => day));
    expect(daysReadAgain.size).toBeLessThanOrEqual(DAYS - progress.daysDone);
    expect(document.progress.percent).toBe(100);
  });

  it('is still Running, and no further back, while there is none', async () => {
    const first = await addWorker();
    const id = await submit();
    const before = await waitFor(id, 'some progress', ({ progress }) => progress.daysDone >= 2);
    await first.end('SIGKILL');
    const after = await read(id);
    expect(after.status).toBe('Running');
    expect(after.progress.percent).toBeGreaterThanOrEqual(before.progress.percent);
  });
});

describe('a query whose worker is told to go', () => {
  it('goes on at once with another one, at the very page', async () => {
    const first = await addWorker();
    const id = await submit();
    await waitFor(id, 'some days to be done', ({ progress }) => progress.daysDone >= 2);
    const second = await addWorker();
    await waitUntilReady(second);
    expect(await first.end('SIGTERM')).toBe(0);
    const document = await waitFor(id, 'the end', isOver);
    expect(document).toMatchObject({ status: 'Completed', result: { count: truth().count } });
    const served = double.requests.filter(({ end, status }) => end === 'answered' && status === 200);
    const pages = new Set(served.map(({ day, continuation }) => JSON.stringify([day, continuation])));
    expect(served.length).toBe(pages.size);
    expect(first.output()).not.toMatch(/stalled|"level":"error"/);
  });
});

describe('a query that is terminated', () => {
  it('reaches the table no more after two seconds', async () => {
    await addWorker();
    const id = await submit();
    await waitFor(id, 'some progress', ({ progress }) => progress.daysDone >= 1);
    const answer = await checkedFetch(`${api.url}/api/queries/${id}`, { method: 'DELETE' });
    const terminatedAt = performance.timeOrigin + performance.now();
    expect([answer.status, ((await answer.json()) as Document).status]).toEqual([202, 'Terminated']);
    const other = await submit();
    await waitFor(other, 'another query to be done', isOver);
    const late = double.requests.filter(({ filter, receivedAtMs, day }) => {
      return filter !== null && day !== null && receivedAtMs > terminatedAt + 2_000;
    });
    // Of the other query alone, which reads each day once.
    expect(new Set(late.map(({ day, continuation }) => JSON.stringify([day, continuation]))).size).toBe(late.length);
    expect(await read(id)).toMatchObject({ status: 'Terminated', error: { code: 'QUERY_TERMINATED' } });
  });

  it('is never begun when no worker had taken it', async () => {
    const id = await submit();
    await checkedFetch(`${api.url}/api/queries/${id}`, { method: 'DELETE' });
    await addWorker();
    const other = await submit();
    await waitFor(other, 'another query to be done', isOver);
    expect(firstPages()).toHaveLength(DAYS);
    expect((await read(id)).status).toBe('Terminated');
  });
});

describe('a query whose job BullMQ fails by itself', () => {
  it('ends for those who wait for it, who do not have to ask', async () => {
    const redis = new Redis(inject('redisUrl'));
    const id = await submit();
    // As if it had lost so many workers that BullMQ starts it no more.
    await redis.hset(`${env['KEY_PREFIX']}:queries:${id}`, 'ats', 1_000);
    redis.disconnect();
    const events = readEvents(await checkedFetch(`${api.url}/api/queries/${id}/events`));
    await events.next();
    const poll = checkedFetch(`${api.url}/api/queries/${id}?wait=50`);
    const openedAt = performance.now();
    await addWorker();
    const { value } = await events.next();
    expect(value).toMatchObject({ event: 'end', data: { status: 'Failed', error: { code: 'WORKER_LOST' } } });
    expect(await (await poll).json()).toMatchObject({ status: 'Failed' });
    // Before the API looks by itself.
    expect(performance.now() - openedAt).toBeLessThan(EVENT_TIMES.quietMs);
  });
});

describe('a query that cannot succeed', () => {
  it.each<[string, () => Record<string, string>, string]>([
    ['the table is missing', () => ({ TABLE_NAME: 'other' }), 'TABLE_NOT_FOUND'],
    [
      'the key is wrong',
      () => ({ TABLE_CONNECTION_STRING: toConnectionString(double.port, 'c2VjcmV0LWNhbmFyeQ==') }),
      'TABLE_FORBIDDEN',
    ],
    [
      'the table service is away',
      () => ({ TABLE_CONNECTION_STRING: toConnectionString(1, 'c2VjcmV0LWNhbmFyeQ==') }),
      'TABLE_UNREACHABLE',
    ],
  ])('is Failed with a code that tells why: %s', async (_name, more, code) => {
    const worker = await addWorker(more());
    const id = await submit();
    const document = await waitFor(id, 'the end', isOver);
    expect(document).toMatchObject({ status: 'Failed', result: null, error: { code } });
    const result = await checkedFetch(`${api.url}/api/queries/${id}/result`);
    expect([result.status, await result.json()]).toMatchObject([409, { code, detail: document.error?.message }]);
    const readiness = await fetch(`${worker.url}/health/ready`);
    expect([readiness.status, await readiness.json()]).toMatchObject([503, { checks: { table: code } }]);
    const board = await (await fetch(`${api.operatorUrl}/queues/api/queues?activeQueue=queries&status=failed`)).text();
    expect(board).toContain(code);
    for (const text of [JSON.stringify(document), board, worker.output(), api.output()]) {
      expect(text).not.toContain('c2VjcmV0LWNhbmFyeQ');
    }
  });
});

function truth() {
  return double.truth('audit', RANGE.start, RANGE.end);
}
