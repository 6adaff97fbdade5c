import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { Redis } from 'ioredis';
import { EVENT_TIMES } from '../../apps/api/src/public/queries/live/event-stream';
import { checkedFetch } from '../support/checked-fetch';
import { hasEnded } from '../support/conversation';
import { readEvents } from '../support/read-events';
import { waitUntilReady } from '../support/service-processes';
import { startSystem, type System } from '../support/start-system';
import { generateDays } from '../support/table-double/generated-table';
import { toConnectionString } from '../support/table-double/start-table-double';

const DAYS = 20;
const RANGE = { start: '2021-10-01', end: '2021-10-20' };

let system: System;

beforeEach(async () => {
  system = await startSystem({
    rows: {
      partitions: generateDays('2021-10-01', DAYS, 2_500),
      distinctIdentifiers: 20_000,
      withoutIdentifier: 0.01,
    },
    faults: [{ fault: { kind: 'latency', ms: 60 } }],
    env: { SCAN_CONCURRENCY: '2', LOCK_SECONDS: '1', PAGE_RETRY_SECONDS: '2' },
  });
});

afterEach(() => system.stop());

const addWorker = (env?: Record<string, string>) => system.addWorker(env);
const submit = () => system.client.submit(RANGE);
const read = (id: string) => system.client.read(id);
const waitFor: System['client']['waitFor'] = (...args) => system.client.waitFor(...args);
const firstPages = () => system.double.requests.filter(({ continuation }) => continuation === null);

describe('a query whose worker is lost', () => {
  it('continues on another worker, with the same count and without reading a stored day again', async () => {
    const first = await addWorker();
    const id = await submit();
    await waitFor(id, 'some days to be done', ({ progress }) => progress.daysDone >= 4);
    expect(await first.end('SIGKILL')).toBe('SIGKILL');
    const { progress } = await read(id);
    system.double.reset();
    await addWorker();
    const document = await waitFor(id, 'the end', hasEnded);
    expect(document).toMatchObject({ status: 'Completed', result: { count: truth().count, daysReused: 0 } });
    const daysReadAgain = new Set(firstPages().map(({ day }) => day));
    expect(daysReadAgain.size).toBeLessThanOrEqual(DAYS - progress.daysDone);
    expect(document.progress.percent).toBe(100);
  });

  it('stays Running, and its progress does not go back, while there is no worker', async () => {
    const first = await addWorker();
    const id = await submit();
    const before = await waitFor(id, 'some progress', ({ progress }) => progress.daysDone >= 2);
    await first.end('SIGKILL');
    const after = await read(id);
    expect(after.status).toBe('Running');
    expect(after.progress.percent).toBeGreaterThanOrEqual(before.progress.percent);
  });
});

describe('a query whose worker gets SIGTERM', () => {
  it('continues at once on another worker, at the same page', async () => {
    const first = await addWorker();
    const id = await submit();
    await waitFor(id, 'some days to be done', ({ progress }) => progress.daysDone >= 2);
    const second = await addWorker();
    await waitUntilReady(second);
    expect(await first.end('SIGTERM')).toBe(0);
    const document = await waitFor(id, 'the end', hasEnded);
    expect(document).toMatchObject({ status: 'Completed', result: { count: truth().count } });
    const served = system.double.requests.filter(({ end, status }) => end === 'answered' && status === 200);
    const pages = new Set(served.map(({ day, continuation }) => JSON.stringify([day, continuation])));
    expect(served.length).toBe(pages.size);
    expect(first.output()).not.toMatch(/stalled|"level":"error"/);
  });
});

describe('a terminated query', () => {
  it('sends no request to the table after two seconds', async () => {
    await addWorker();
    const id = await submit();
    await waitFor(id, 'some progress', ({ progress }) => progress.daysDone >= 1);
    const answer = await system.client.terminate(id);
    const terminatedAt = performance.timeOrigin + performance.now();
    expect([answer.status, ((await answer.json()) as { status: string }).status]).toEqual([202, 'Terminated']);
    const other = await submit();
    await waitFor(other, 'another query to be done', hasEnded);
    const late = system.double.requests.filter(({ filter, receivedAtMs, day }) => {
      return filter !== null && day !== null && receivedAtMs > terminatedAt + 2_000;
    });
    // Only requests of the other query, which reads each day once.
    expect(new Set(late.map(({ day, continuation }) => JSON.stringify([day, continuation]))).size).toBe(late.length);
    expect(await read(id)).toMatchObject({ status: 'Terminated', error: { code: 'QUERY_TERMINATED' } });
  });

  it('is never started if no worker had taken it', async () => {
    const id = await submit();
    await system.client.terminate(id);
    await addWorker();
    const other = await submit();
    await waitFor(other, 'another query to be done', hasEnded);
    expect(firstPages()).toHaveLength(DAYS);
    expect((await read(id)).status).toBe('Terminated');
  });
});

describe('a query whose job BullMQ fails without a worker', () => {
  it('ends the long polls and event streams of the query', async () => {
    const redis = new Redis(inject('redisUrl'));
    const id = await submit();
    // As after so many lost workers that BullMQ does not start the job again.
    await redis.hset(`${system.keyPrefix}:queries:${id}`, 'ats', 1_000);
    redis.disconnect();
    const events = readEvents(await checkedFetch(`${system.api.url}/api/queries/${id}/events`));
    await events.next();
    const poll = checkedFetch(`${system.api.url}/api/queries/${id}?wait=50`);
    const openedAt = performance.now();
    await addWorker();
    const { value } = await events.next();
    expect(value).toMatchObject({ event: 'end', data: { status: 'Failed', error: { code: 'WORKER_LOST' } } });
    expect(await (await poll).json()).toMatchObject({ status: 'Failed' });
    // Before the API's own check of quiet streams.
    expect(performance.now() - openedAt).toBeLessThan(EVENT_TIMES.quietMs);
  });
});

describe('a query that cannot succeed', () => {
  it.each<[string, () => Record<string, string>, string]>([
    ['the table is missing', () => ({ TABLE_NAME: 'other' }), 'TABLE_NOT_FOUND'],
    [
      'the key is wrong',
      () => ({ TABLE_CONNECTION_STRING: toConnectionString(system.double.port, 'c2VjcmV0LWNhbmFyeQ==') }),
      'TABLE_FORBIDDEN',
    ],
    [
      'the table service is unreachable',
      () => ({ TABLE_CONNECTION_STRING: toConnectionString(1, 'c2VjcmV0LWNhbmFyeQ==') }),
      'TABLE_UNREACHABLE',
    ],
  ])('is Failed with a code for the cause: %s', async (_name, more, code) => {
    const worker = await addWorker(more());
    const id = await submit();
    const document = await waitFor(id, 'the end', hasEnded);
    expect(document).toMatchObject({ status: 'Failed', result: null, error: { code } });
    const result = await checkedFetch(`${system.api.url}/api/queries/${id}/result`);
    expect([result.status, await result.json()]).toMatchObject([409, { code, detail: document.error?.message }]);
    const readiness = await fetch(`${worker.url}/health/ready`);
    expect([readiness.status, await readiness.json()]).toMatchObject([503, { checks: { table: code } }]);
    const board = await (
      await fetch(`${system.api.operatorUrl}/queues/api/queues?activeQueue=queries&status=failed`)
    ).text();
    expect(board).toContain(code);
    for (const text of [JSON.stringify(document), board, worker.output(), system.api.output()]) {
      expect(text).not.toContain('c2VjcmV0LWNhbmFyeQ');
    }
  });
});

function truth() {
  return system.double.truth('audit', RANGE.start, RANGE.end);
}
