import { randomUUID } from 'node:crypto';
import { afterAll, beforeEach, describe, expect, inject, it } from 'vitest';
import type { CalendarDay } from '#shared/contract/calendar-day';
import type { FreshnessDemand } from '#shared/contract/day-set';
import { noProgress } from '#shared/contract/query-document';
import { toJobPayload } from '#shared/contract/query-job';
import type { QueryRequest } from '#shared/contract/query-request';
import { connectForWork } from '#shared/redis/connections';
import { type OutcomeFacts, Outcomes } from '#shared/redis/outcomes';
import { QueryRuns } from '#shared/redis/query-runs';
import { QueryStates } from '#shared/redis/query-states';
import { RecordKeys } from '#shared/redis/record-keys';
import { readRedisClock } from '#shared/redis/redis-client';
import { RedisDaySets } from '#shared/redis/redis-day-sets';
import type { PageSource } from '../../apps/worker/src/queries/day-scan';
import { SharedScans } from '../../apps/worker/src/queries/shared-scans';
import { createIdentifierHash } from '../../apps/worker/src/queries/identifier-hash';

const ID = '0123456789abcdef0123456789abcdef';
const REQUEST = { start: '2021-10-10', end: '2021-10-11', maxAgeSeconds: 0 } as QueryRequest;
const CREATED_AT = 1_700_000_000_000;
const FACTS: OutcomeFacts = {
  status: 'Completed',
  caller: 'c',
  request: REQUEST,
  createdAt: CREATED_AT,
  startedAt: CREATED_AT + 1,
  progress: { ...noProgress(2), percent: 100 },
  result: null,
  error: null,
};

const PROVEN = { isProven: true, ranMs: 0 };
const UNPROVEN = { isProven: false, ranMs: 0 };

const redis = connectForWork(inject('redisUrl'));
let keys: RecordKeys;
let outcomes: Outcomes;
let states: QueryStates;
let runs: QueryRuns;

beforeEach(() => {
  keys = new RecordKeys(`{t-${randomUUID()}}`);
  outcomes = new Outcomes(redis, keys, 60);
  states = new QueryStates(redis, keys, outcomes);
  runs = new QueryRuns(redis, keys, 30_000);
});
afterAll(() => redis.quit());

/** A job as BullMQ keeps it, held by the worker with this token where one is given. */
async function putJob(fields: Record<string, string | number> = {}, token?: string): Promise<void> {
  const data = JSON.stringify(toJobPayload(REQUEST, 'c'));
  await redis.hset(keys.job(ID), { data, timestamp: CREATED_AT, progress: '0', ...fields });
  if (token !== undefined) await redis.set(keys.jobLock(ID), token);
}

describe('the status of a query', () => {
  it('is unknown without records', async () => {
    expect(await states.decide(ID)).toBeUndefined();
  });

  it.each(['{}', '{"version":9,"caller":"c"}', '{"request":{"start":"2021-10-10"}}', 'null'])(
    'is unknown where something else has put the job on the queue: %s',
    async (data) => {
      await putJob({ data });
      expect(await states.decide(ID)).toBeUndefined();
    },
  );

  it('is Pending while nobody has begun it', async () => {
    await putJob();
    expect(await states.decide(ID)).toEqual({
      id: ID,
      status: 'Pending',
      caller: 'c',
      request: REQUEST,
      createdAt: CREATED_AT,
      startedAt: null,
      finishedAt: null,
      expiresAt: null,
      progress: noProgress(2),
      result: null,
      error: null,
    });
  });

  it('is Running from its first beginning, with one startedAt for good, whoever runs it', async () => {
    await putJob({}, 'first');
    const { now } = await runs.begin(ID, 'first');
    expect(await states.decide(ID)).toMatchObject({ status: 'Running', startedAt: now });
    await redis.set(keys.jobLock(ID), 'second');
    const again = await runs.begin(ID, 'second');
    expect(again.progress.startedAt).toBe(now);
    await redis.del(keys.jobLock(ID));
    expect(await states.decide(ID)).toMatchObject({ status: 'Running', startedAt: now });
  });

  it('tells the progress that was reported', async () => {
    await putJob({}, 'me');
    const progress = { ...noProgress(2), percent: 41.9, atLeast: 8 };
    expect(await runs.report(ID, 'me', { ...progress, startedAt: 5 }, UNPROVEN)).toBe('go on');
    expect(await states.decide(ID)).toMatchObject({ startedAt: 5, progress });
  });

  it('is what the outcome says, whatever the job says, also without one', async () => {
    await outcomes.publish(ID, FACTS);
    expect(await states.decide(ID)).toMatchObject({ id: ID, ...FACTS });
    await putJob();
    expect(await states.decide(ID)).toMatchObject({ status: 'Completed' });
  });

  it('is unknown once the outcome has expired, though the job is still there', async () => {
    await putJob();
    await outcomes.publish(ID, FACTS);
    await redis.del(keys.outcome(ID));
    expect(await states.decide(ID)).toBeUndefined();
  });

  it('is Failed as WORKER_LOST, for good, when BullMQ ended the job without an outcome', async () => {
    await putJob({ finishedOn: CREATED_AT + 5, failedReason: 'job stalled more than allowable limit' });
    const state = await states.decide(ID);
    expect(state).toMatchObject({ status: 'Failed', error: { code: 'WORKER_LOST' } });
    expect(await states.decide(ID)).toEqual(state);
  });
});

describe('an outcome', () => {
  it('has its times from the clock of Redis and expires by it', async () => {
    const before = await readRedisClock(redis, keys.prefix);
    const { written, outcome } = await outcomes.publish(ID, FACTS);
    const after = await readRedisClock(redis, keys.prefix);
    expect(written).toBe(true);
    expect(outcome?.finishedAt).toBeGreaterThanOrEqual(before);
    expect(outcome?.finishedAt).toBeLessThanOrEqual(after);
    expect((outcome?.expiresAt ?? 0) - (outcome?.finishedAt ?? 0)).toBe(60_000);
    expect(await redis.pttl(keys.outcome(ID))).toBeGreaterThan(50_000);
  });

  it('is decided by whoever writes it first, out of many', async () => {
    const statuses = ['Completed', 'Failed', 'Terminated'] as const;
    const publications = await Promise.all(
      Array.from({ length: 30 }, (_, i) => outcomes.publish(ID, { ...FACTS, status: statuses[i % 3] ?? 'Failed' })),
    );
    expect(publications.filter(({ written }) => written)).toHaveLength(1);
    const seen = new Set(publications.map(({ outcome }) => JSON.stringify(outcome)));
    expect(seen.size).toBe(1);
  });

  it('is not written by a run that lost its lock', async () => {
    await putJob({}, 'another');
    expect(await outcomes.publish(ID, FACTS, 'me')).toEqual({ written: false, outcome: undefined });
    expect(await states.decide(ID)).toMatchObject({ status: 'Pending' });
  });

  it('is written by the run that holds the lock, and leaves the last progress with the job', async () => {
    await putJob({}, 'me');
    expect(await outcomes.publish(ID, FACTS, 'me')).toMatchObject({ written: true });
    const progress: unknown = JSON.parse((await redis.hget(keys.job(ID), 'progress')) ?? '');
    expect(progress).toEqual({ ...FACTS.progress, startedAt: FACTS.startedAt, ended: true });
  });

  it('does not make a job out of nothing', async () => {
    await outcomes.publish(ID, FACTS);
    expect(await redis.exists(keys.job(ID))).toBe(0);
  });
});

describe('a run', () => {
  it('is told that its query has ended', async () => {
    await putJob({}, 'me');
    await outcomes.publish(ID, { ...FACTS, status: 'Terminated' });
    expect((await runs.begin(ID, 'me')).verdict).toBe('ended');
    expect(await runs.report(ID, 'me', {}, UNPROVEN)).toBe('ended');
    await redis.del(keys.outcome(ID));
    expect((await runs.begin(ID, 'me')).verdict).toBe('ended');
  });

  it('keeps its lock where nobody else renews it, and nobody else’s', async () => {
    await putJob({}, 'me');
    await runs.report(ID, 'me', { startedAt: 1 }, UNPROVEN);
    await redis.pexpire(keys.jobLock(ID), 20_000);
    await runs.report(ID, 'me', { startedAt: 1 }, UNPROVEN);
    expect(await redis.pttl(keys.jobLock(ID))).toBeLessThanOrEqual(20_000);
    await redis.pexpire(keys.jobLock(ID), 9_000);
    await runs.report(ID, 'another', { startedAt: 1 }, UNPROVEN);
    expect(await redis.pttl(keys.jobLock(ID))).toBeLessThanOrEqual(9_000);
    await runs.report(ID, 'me', { startedAt: 1 }, UNPROVEN);
    expect(await redis.pttl(keys.jobLock(ID))).toBeGreaterThan(20_000);
  });

  it('is told that the job is another run’s', async () => {
    await putJob({}, 'another');
    expect((await runs.begin(ID, 'me')).verdict).toBe('lost');
    expect(await runs.report(ID, 'me', { startedAt: 1 }, UNPROVEN)).toBe('lost');
    expect(await redis.hget(keys.job(ID), 'progress')).toBe('0');
  });

  it('is told that the job is gone, and does not bring it back', async () => {
    expect(await runs.report(ID, 'me', { startedAt: 1 }, UNPROVEN)).toBe('lost');
    expect(await redis.exists(keys.job(ID))).toBe(0);
  });

  it('is told how long earlier runs took, whichever worker had them', async () => {
    await putJob({}, 'me');
    expect(await runs.begin(ID, 'me')).toMatchObject({ ranMs: 0 });
    await runs.report(ID, 'me', { startedAt: 1 }, { isProven: false, ranMs: 1_234.5 });
    await redis.set(keys.jobLock(ID), 'next');
    expect(await runs.begin(ID, 'next')).toMatchObject({ ranMs: 1_235 });
  });

  it('goes on after Redis has forgotten its scripts', async () => {
    await putJob({}, 'me');
    await redis.script('FLUSH');
    expect((await runs.begin(ID, 'me')).verdict).toBe('go on');
  });
});

describe('a query that is terminated', () => {
  it('has begun where it was begun after whoever terminates it had read it', async () => {
    await putJob({}, 'me');
    const state = await states.decide(ID);
    const { now } = await runs.begin(ID, 'me');
    const { outcome } = await outcomes.terminate(state!, { caller: 'c' });
    expect(outcome).toMatchObject({ status: 'Terminated', startedAt: now });
    expect(await states.decide(ID)).toMatchObject({ startedAt: now });
  });
});

describe('a query that is terminated while its progress changes', () => {
  it('keeps the progress that its run has told since the query was read', async () => {
    await putJob({}, 'me');
    await runs.begin(ID, 'me');
    const state = await states.decide(ID);
    const progress = { ...noProgress(2), percent: 99.9, etaSeconds: 1.5 };
    await runs.report(ID, 'me', { ...progress, startedAt: state?.startedAt ?? 0 }, UNPROVEN);
    const { outcome } = await outcomes.terminate(state!, { caller: 'c' });
    expect(outcome?.progress).toEqual({ ...progress, etaSeconds: null });
  });
});

describe('a query that was read before it was purged', () => {
  it('is not ended again, nor is another one that was submitted under its id since', async () => {
    await putJob();
    const state = await states.decide(ID);
    await redis.del(keys.job(ID));
    expect(await outcomes.terminate(state!, { caller: 'c' })).toEqual({ written: false, outcome: undefined });
    await putJob({ timestamp: CREATED_AT + 1 });
    expect(await outcomes.terminate(state!, { caller: 'c' })).toEqual({ written: false, outcome: undefined });
    expect(await states.decide(ID)).toMatchObject({ status: 'Pending', createdAt: CREATED_AT + 1 });
  });
});

describe('a job that was added after the query had ended', () => {
  it('is no query again once the outcome has expired, though a worker has taken it', async () => {
    await outcomes.publish(ID, FACTS);
    await putJob({}, 'me');
    expect((await runs.begin(ID, 'me')).verdict).toBe('ended');
    await redis.hset(keys.job(ID), { finishedOn: CREATED_AT + 5 });
    await redis.del(keys.outcome(ID));
    expect(await states.decide(ID)).toBeUndefined();
    expect(await redis.exists(keys.outcome(ID))).toBe(0);
  });
});

describe('the workers that a query loses in a row', () => {
  /** The next worker takes the query; the run before, if it did not end, is lost by that. */
  async function take(token: string, isAlone = false) {
    await redis.set(keys.jobLock(ID), token);
    return runs.begin(ID, token, isAlone);
  }
  async function lose(count: number): Promise<void> {
    for (let i = 0; i < count; i += 1) await take(`lost-${Math.random()}`, true);
  }

  it.each([
    [0, 'trusted'],
    [1, 'trusted'],
    [2, 'suspect'],
    [10, 'suspect'],
    [11, 'given up'],
    [12, 'given up'],
  ])('%i of them: it is %s', async (lostWorkers, trust) => {
    await putJob();
    await lose(lostWorkers);
    expect(await take('me')).toMatchObject({ verdict: 'go on', lostWorkers, trust });
  });

  it('do not count where the run gave the query back, which no other run can do for it', async () => {
    await putJob();
    await lose(1);
    await take('me');
    await runs.giveBack(ID, 'another');
    await runs.giveBack(ID, 'me');
    expect(await take('next')).toMatchObject({ lostWorkers: 1 });
    await runs.giveBack(ID, 'me');
    expect(await take('last')).toMatchObject({ lostWorkers: 2 });
  });

  it('do not count twice for a begin that is sent again', async () => {
    await putJob();
    await lose(1);
    expect([await take('me'), await take('me')]).toMatchObject([{ lostWorkers: 1 }, { lostWorkers: 1 }]);
  });

  it('do not count while a suspect waits to be alone, and count from when it is', async () => {
    await putJob();
    await lose(2);
    expect(await take('a')).toMatchObject({ lostWorkers: 2 });
    expect(await take('b')).toMatchObject({ lostWorkers: 2 });
    await take('b', true);
    expect(await take('c')).toMatchObject({ lostWorkers: 3 });
  });

  it('are forgotten once a run has stored something, whose own worker does not count either', async () => {
    await putJob();
    await lose(10);
    await take('me', true);
    expect(await runs.report(ID, 'another', { startedAt: 1 }, PROVEN)).toBe('lost');
    expect(await runs.report(ID, 'me', { startedAt: 1 }, PROVEN)).toBe('go on');
    expect(await take('next')).toMatchObject({ lostWorkers: 0, trust: 'trusted' });
    await runs.report(ID, 'next', { startedAt: 1 }, UNPROVEN);
    expect(await take('last')).toMatchObject({ lostWorkers: 1 });
  });

  it('are none for a query that a version begun which did not count them', async () => {
    await putJob({ progress: '{"startedAt":5,"percent":10}', stc: 7, ats: 8 });
    expect(await take('me')).toMatchObject({ verdict: 'go on', lostWorkers: 0, trust: 'trusted' });
  });

  it('are no part of what a caller is told', async () => {
    await putJob();
    await lose(3);
    expect((await states.decide(ID))?.progress).toEqual(noProgress(2));
  });
});

describe('day sets', () => {
  const DAY = '2021-10-10' as CalendarDay;
  const daySet = {
    scannedAt: 5,
    demandedAt: 5,
    entitiesRead: 3,
    entitiesWithoutIdentifier: 1,
    identifiers: Buffer.from('0123456789abcdef'),
  };
  const create = (fingerprint: string) =>
    new RedisDaySets(redis, keys, { tableFingerprint: fingerprint, ttlSeconds: 60, onFull: () => {} });

  it('are found by their day and table, and by no other', async () => {
    await create('one').write(DAY, daySet);
    expect(await create('one').read(DAY)).toEqual(daySet);
    expect(await create('two').read(DAY)).toBeUndefined();
    expect(await create('one').read('2021-10-11' as CalendarDay)).toBeUndefined();
  });

  it('tell their heads for many days at once, and small ones all', async () => {
    const [small, large, damaged] = ['2021-10-10', '2021-10-11', '2021-10-12'] as CalendarDay[];
    const { identifiers, ...head } = daySet;
    await create('one').write(small!, daySet);
    await create('one').write(large!, { ...daySet, identifiers: Buffer.concat(Array(251).fill(identifiers)) });
    await create('one').write(damaged!, daySet);
    await redis.setrange(keys.daySet('one', damaged!), 45, 'x');
    expect(await create('one').readHeads(['2021-10-09' as CalendarDay, small!, large!, damaged!])).toEqual(
      new Map<CalendarDay | undefined, object>([
        [small, daySet],
        [large, head],
        [damaged, head],
      ]),
    );
    expect(await create('one').readHeads([])).toEqual(new Map());
  });

  it('are not trusted when they were changed', async () => {
    await create('one').write(DAY, daySet);
    await redis.setrange(keys.daySet('one', DAY), 45, 'x');
    expect(await create('one').read(DAY)).toBeUndefined();
  });

  it('are fresh for the query that they were read for, also where the clock went back since its submission', async () => {
    const daySets = create('one');
    const createdAt = (await readRedisClock(redis, keys.changes)) + 3_600_000;
    let pagesRead = 0;
    const pages: PageSource = {
      read: async () => {
        pagesRead += 1;
        return { identifiers: ['a'], entitiesWithoutIdentifier: 0, next: undefined };
      },
    };
    const hash = await createIdentifierHash('a key for tests');
    const scan = (demand: FreshnessDemand) =>
      new SharedScans({ daySets, pages, hash }).scan(
        DAY,
        { demand, query: {}, isUrgent: false, onPage: () => {} },
        new AbortController().signal,
      );
    const demand = { createdAt, maxAgeSeconds: 0 };
    const first = await scan(demand);
    expect(first.scannedAt).toBeLessThan(createdAt);
    expect(await scan(demand)).toMatchObject({ scannedAt: first.scannedAt, demandedAt: createdAt });
    expect(pagesRead).toBe(1);
    await scan({ ...demand, createdAt: createdAt - 1 });
    expect(pagesRead).toBe(2);
  });

  it('expire by themselves', async () => {
    await create('one').write(DAY, daySet);
    expect(await redis.pttl(keys.daySet('one', DAY))).toBeGreaterThan(50_000);
  });
});
