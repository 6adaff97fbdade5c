import { randomUUID } from 'node:crypto';
import { afterAll, beforeEach, describe, expect, inject, it } from 'vitest';
import type { CalendarDay } from '#shared/contract/calendar-day';
import type { DayScanRecord } from '#shared/contract/query-history';
import type { QueryRequest } from '#shared/contract/query-request';
import { toJobPayload } from '#shared/contract/query-job';
import { connectForWork } from '#shared/redis/connections';
import { Outcomes } from '#shared/redis/outcomes';
import { QueryHistories } from '#shared/redis/query-histories';
import { readJobProgress, QueryRuns } from '#shared/redis/query-runs';
import { QueryStates } from '#shared/redis/query-states';
import { RecordKeys } from '#shared/redis/record-keys';
import { RedisDaySets } from '#shared/redis/redis-day-sets';
import { OutcomePublisher } from '../../apps/worker/src/queries/outcome-publisher';
import { QueryExecution } from '../../apps/worker/src/queries/query-execution';
import type { DayScanRequest } from '../../apps/worker/src/queries/run-query';
import { waitUntil } from '../support/wait-until';

const ID = '0123456789abcdef0123456789abcdef';
const REQUEST = { start: '2021-10-10', end: '2021-10-10', maxAgeSeconds: 0 } as QueryRequest;

const TIMES = { createdAt: 1, finishedAt: 2, expiresAt: 3 };
const TERMINATED = JSON.stringify({ status: 'Terminated', caller: 'c', request: REQUEST, ...TIMES });

const redis = connectForWork(inject('redisUrl'));
let keys: RecordKeys;
let states: QueryStates;

beforeEach(async () => {
  keys = new RecordKeys(`{t-${randomUUID()}}`);
  states = new QueryStates(redis, keys, new Outcomes(redis, keys, 60));
  const payload = toJobPayload(REQUEST, 'c');
  await redis.hset(keys.job(ID), { data: JSON.stringify(payload), timestamp: 1, progress: '0' });
  await redis.set(keys.jobLock(ID), 'me');
});
afterAll(() => redis.quit());

/** A run over one day that ends only by its signal. */
function createExecution(timeLimitMs = 60_000, becomeAlone = async (_signal: AbortSignal) => {}) {
  let acceptedCompany = 0;
  const stay = { becomeAlone, acceptCompany: () => (acceptedCompany += 1) };
  const begun: CalendarDay[] = [];
  let readsDay: (tell: () => void) => void = () => {};
  const tellOfCheckpoint = new Promise<() => void>((resolve) => (readsDay = resolve));
  let tellOfDay: (record: DayScanRecord) => void = () => {};
  const daySets = new RedisDaySets(redis, keys, { tableFingerprint: 'x', ttlSeconds: 60, onFull: () => {} });
  const ports = {
    daySets,
    daysAtOnce: 1,
    scanDay: (day: CalendarDay, { onCheckpoint, onScanned }: DayScanRequest, signal: AbortSignal) => {
      begun.push(day);
      tellOfDay = (record) => onScanned?.(record);
      readsDay(() => onCheckpoint?.());
      return new Promise<never>((_resolve, reject) =>
        signal.addEventListener('abort', () => reject(signal.reason as Error)),
      );
    },
  };
  const outcomes = new Outcomes(redis, keys, 60);
  const publisher = new OutcomePublisher(states, outcomes);
  const records = { runs: new QueryRuns(redis, keys, 30_000), histories: new QueryHistories(redis, keys) };
  const execution = new QueryExecution(records, publisher, ports, { workerId: 'abc', timeLimitMs });
  const run = { id: ID, token: 'me', createdAt: 1, payload: toJobPayload(REQUEST, 'c'), stay };
  return {
    readAccepted: () => acceptedCompany,
    daySets,
    begun,
    tellOfCheckpoint,
    tellOfDay: (record: DayScanRecord) => tellOfDay(record),
    outcomes,
    complete: (signal: AbortSignal) => execution.complete(run, signal),
    execution,
    publisher,
    run,
  };
}

/** A run that reads its day. */
async function startReading() {
  const { complete, begun } = createExecution();
  const controller = new AbortController();
  const running = complete(controller.signal);
  await waitUntil(
    'it to read',
    async () => begun.length,
    (days) => days === 1,
  );
  return { running, controller };
}

/** Never resolves; ends by its signal. */
const neverAlone = (signal: AbortSignal) =>
  new Promise<void>((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));

/** Of a process without a shutdown. */
const { signal } = new AbortController();

describe('a run', () => {
  it('ends at a shutdown that comes while it begins', async () => {
    const { complete, begun } = createExecution();
    const controller = new AbortController();
    const running = complete(controller.signal);
    controller.abort('drain');
    await expect(running).rejects.toBe('drain');
    expect(begun).toEqual([]);
    expect(await states.decide(ID)).toMatchObject({ status: 'Running' });
    expect(await redis.hget(keys.job(ID), 'unprovenRun')).toBeNull();
  });

  it('ends at its time limit', async () => {
    const { complete, publisher, run } = createExecution(1);
    await expect(complete(new AbortController().signal)).rejects.toMatchObject({ code: 'QUERY_TIME_LIMIT' });
    await publisher.fail(run, 'QUERY_TIME_LIMIT', signal);
    expect(await states.decide(ID)).toMatchObject({ status: 'Failed', error: { code: 'QUERY_TIME_LIMIT' } });
  });

  it('ends at its time limit with the time of earlier runs, but without the time between them', async () => {
    const anHourAgo = `{"startedAt":${Date.now() - 3_600_000}}`;
    await redis.hset(keys.job(ID), { ranMs: 59_999, progress: anHourAgo });
    await expect(createExecution().complete(signal)).rejects.toMatchObject({ code: 'QUERY_TIME_LIMIT' });
    await redis.hset(keys.job(ID), { ranMs: 1_000, progress: anHourAgo });
    const { running, controller } = await startReading();
    await waitUntil(
      'its own time to count',
      async () => Number(await redis.hget(keys.job(ID), 'ranMs')),
      (ranMs) => ranMs > 1_000,
    );
    controller.abort('drain');
    await expect(running).rejects.toBe('drain');
  });

  it('that ends before it reads does not count as a lost worker', async () => {
    const { complete, daySets } = createExecution();
    daySets.readHeads = () => Promise.reject(new Error('no such command'));
    await expect(complete(signal)).rejects.toThrow('no such command');
    expect(await redis.hget(keys.job(ID), 'unprovenRun')).toBeNull();
  });

  it.each<[string, () => Promise<unknown>, string]>([
    ['it was terminated', () => redis.set(keys.outcome(ID), TERMINATED), 'QUERY_TERMINATED'],
    ['its lock is lost', () => redis.del(keys.jobLock(ID)), 'LOCK_LOST'],
    ['its job is gone', () => redis.del(keys.job(ID)), 'LOCK_LOST'],
  ])('stops at the next heartbeat when %s, and publishes nothing', async (_name, happen, code) => {
    const { complete, publisher, run } = createExecution();
    const running = complete(new AbortController().signal);
    await happen();
    await expect(running).rejects.toMatchObject({ code });
    const before = await redis.get(keys.outcome(ID));
    await publisher.fail(run, 'QUERY_FAILED', signal);
    expect(await redis.get(keys.outcome(ID))).toBe(before);
  });
});

describe('a run of a query that has lost workers in a row', () => {
  const readCounts = () => redis.hmget(keys.job(ID), 'lostWorkers', 'unprovenRun');

  it.each<[string, (controller: AbortController) => unknown, object | string]>([
    ['its process shuts down', (controller) => controller.abort('drain'), 'drain'],
    ['it is terminated', () => redis.set(keys.outcome(ID), TERMINATED), { code: 'QUERY_TERMINATED' }],
    ['its lock is lost', () => redis.del(keys.jobLock(ID)), { code: 'LOCK_LOST' }],
  ])('waits until it is alone, is listed as running, and ends at once when %s', async (_name, happen, reason) => {
    await redis.hset(keys.job(ID), { lostWorkers: 2, progress: `{"startedAt":${Date.now()},"percent":40}` });
    const { begun, complete, execution } = createExecution(60_000, neverAlone);
    const controller = new AbortController();
    const running = complete(controller.signal);
    await waitUntil(
      'it to be held',
      async () => execution.listRunning(),
      (queries) => queries.length === 1,
    );
    expect(execution.listRunning()).toMatchObject([{ id: ID }]);
    await happen(controller);
    const caught = await running.catch((error: unknown) => error);
    if (typeof reason === 'string') expect(caught).toBe(reason);
    else expect(caught).toMatchObject(reason);
    expect(begun).toEqual([]);
    expect(await readCounts()).toEqual(['2', null]);
    expect(readJobProgress(await redis.hget(keys.job(ID), 'progress'), ID)).toMatchObject({ percent: 40 });
  });

  it('has its whole time limit once it is alone, however long it waited', async () => {
    await redis.hset(keys.job(ID), { lostWorkers: 2 });
    const limitMs = 100;
    const askedAt = performance.now();
    const becomeAlone = async () => {
      await waitUntil(
        'the wait to be longer than the limit',
        () => performance.now() - askedAt,
        (waitedMs) => waitedMs > limitMs,
      );
    };
    const { begun, complete } = createExecution(limitMs, becomeAlone);
    await expect(complete(signal)).rejects.toMatchObject({ code: 'QUERY_TIME_LIMIT' });
    expect(begun).toHaveLength(1);
  });

  it('counts as unproven once it is alone', async () => {
    await redis.hset(keys.job(ID), { lostWorkers: 8, unprovenRun: 'another' });
    const { running, controller } = await startReading();
    expect(await readCounts()).toEqual(['9', 'me']);
    controller.abort('drain');
    await expect(running).rejects.toBe('drain');
    expect(await readCounts()).toEqual(['9', null]);
  });

  it('fails as WORKER_LOST after eleven, without another run, and the history has the attempt', async () => {
    await redis.hset(keys.job(ID), { lostWorkers: 10, unprovenRun: 'another' });
    const { begun, complete, publisher, run } = createExecution();
    await expect(complete(signal)).rejects.toMatchObject({ code: 'WORKER_LOST' });
    await publisher.fail(run, 'WORKER_LOST', signal);
    expect(begun).toEqual([]);
    expect(await states.decide(ID)).toMatchObject({ status: 'Failed', error: { code: 'WORKER_LOST' } });
    const { events } = await new QueryHistories(redis, keys).read(ID);
    expect(events).toMatchObject([
      { kind: 'attempt-begun', worker: 'abc' },
      { kind: 'attempt-ended', worker: 'abc', end: 'Failed', code: 'WORKER_LOST' },
    ]);
  });

  it('counts as proven at once when it has stored a part of a day, and accepts company', async () => {
    await redis.hset(keys.job(ID), { lostWorkers: 1 });
    const { complete, tellOfCheckpoint, tellOfDay, readAccepted } = createExecution();
    const controller = new AbortController();
    const running = complete(controller.signal);
    const tell = await tellOfCheckpoint;
    expect(readAccepted()).toBe(0);
    // A day that was read and could not be stored has to be read again by the next run.
    tellOfDay({ source: 'scanned', entities: 1, pages: 1, milliseconds: 1, retries: 0, throttles: 0 });
    expect(readAccepted()).toBe(0);
    tell();
    expect(readAccepted()).toBe(1);
    await waitUntil('its count to be gone', readCounts, (counts) => counts.every((count) => count === null));
    controller.abort('drain');
    await expect(running).rejects.toBe('drain');
  });
});
