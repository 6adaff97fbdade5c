import { randomUUID } from 'node:crypto';
import { afterAll, beforeEach, describe, expect, inject, it } from 'vitest';
import type { CalendarDay } from '#shared/contract/calendar-day';
import type { QueryRequest } from '#shared/contract/query-request';
import { toJobPayload } from '#shared/contract/query-job';
import { connectForWork } from '#shared/redis/connections';
import { Outcomes } from '#shared/redis/outcomes';
import { QueryHistories } from '#shared/redis/query-histories';
import { QueryRuns } from '#shared/redis/query-runs';
import { QueryStates } from '#shared/redis/query-states';
import { RecordKeys } from '#shared/redis/record-keys';
import { RedisDaySets } from '#shared/redis/redis-day-sets';
import { QueryExecution } from '../../apps/worker/src/queries/query-execution';

const ID = '0123456789abcdef0123456789abcdef';
const REQUEST = { start: '2021-10-10', end: '2021-10-10', maxAgeSeconds: 0 } as QueryRequest;

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

/** A run over one day that ends only when it is told to. */
function createExecution(timeLimitMs = 60_000) {
  const begun: CalendarDay[] = [];
  const daySets = new RedisDaySets(redis, keys, { tableFingerprint: 'x', ttlSeconds: 60, onFull: () => {} });
  const ports = {
    daySets,
    daysAtOnce: 1,
    scanDay: (day: CalendarDay, _request: object, signal: AbortSignal) => {
      begun.push(day);
      return new Promise<never>((_resolve, reject) =>
        signal.addEventListener('abort', () => reject(signal.reason as Error)),
      );
    },
  };
  const outcomes = new Outcomes(redis, keys, 60);
  const worker = { id: 'abc', histories: new QueryHistories(redis, keys) };
  const execution = new QueryExecution(worker, new QueryRuns(redis, keys), states, outcomes, ports, timeLimitMs);
  const becomeAlone = async () => {};
  const run = { id: ID, token: 'me', createdAt: 1, payload: toJobPayload(REQUEST, 'c'), becomeAlone };
  return { begun, outcomes, complete: (signal: AbortSignal) => execution.complete(run, signal), execution, run };
}

/** Of a process that nobody tells to go. */
const { signal } = new AbortController();

describe('a run', () => {
  it('hears what it is told while it begins', async () => {
    const { complete, begun } = createExecution();
    const controller = new AbortController();
    const running = complete(controller.signal);
    controller.abort('drain');
    await expect(running).rejects.toBe('drain');
    expect(begun).toEqual([]);
    expect(await states.read(ID)).toMatchObject({ status: 'Running' });
  });

  it('ends when its time is over', async () => {
    const { complete, execution, run } = createExecution(1);
    await expect(complete(new AbortController().signal)).rejects.toMatchObject({ code: 'QUERY_TIME_LIMIT' });
    await execution.fail(run, 'QUERY_TIME_LIMIT', signal);
    expect(await states.read(ID)).toMatchObject({ status: 'Failed', error: { code: 'QUERY_TIME_LIMIT' } });
  });

  it.each<[string, () => Promise<unknown>, string]>([
    ['it was terminated', () => redis.set(keys.outcome(ID), '{"status":"Terminated"}'), 'QUERY_TERMINATED'],
    ['its lock is lost', () => redis.del(keys.jobLock(ID)), 'LOCK_LOST'],
    ['its job is gone', () => redis.del(keys.job(ID)), 'LOCK_LOST'],
  ])('stops at the next heartbeat when %s, and publishes nothing', async (_name, happen, code) => {
    const { complete, execution, run } = createExecution();
    const running = complete(new AbortController().signal);
    await happen();
    await expect(running).rejects.toMatchObject({ code });
    const before = await redis.get(keys.outcome(ID));
    await execution.fail(run, 'QUERY_FAILED', signal);
    expect(await redis.get(keys.outcome(ID))).toBe(before);
  });
});
