import { randomUUID } from 'node:crypto';
import { type Processor, Queue, Worker } from 'bullmq';
import { afterAll, describe, expect, inject, it } from 'vitest';
import { QUERY_JOB, QUERY_QUEUE, toJobPayload } from '#shared/contract/query-job';
import type { QueryRequest } from '#shared/contract/query-request';
import { connectForWork } from '#shared/redis/connections';
import { drain } from '../../apps/worker/src/lifecycle/bullmq-workers';
import type { OutcomePublisher } from '../../apps/worker/src/queries/outcome-publisher';
import type { QueryExecution, TakenQuery } from '../../apps/worker/src/queries/query-execution';
import { QueryProcessor } from '../../apps/worker/src/queries/query.processor';
import { waitUntil } from '../support/wait-until';

const REQUEST = { start: '2021-10-10', end: '2021-10-10', maxAgeSeconds: 0 } as QueryRequest;
/** No run in these tests publishes an outcome. */
const NO_PUBLISHER = {} as OutcomePublisher;
const redis = connectForWork(inject('redisUrl'));
const connection = { connection: redis, prefix: `{t-${randomUUID()}}` };
const queue = new Queue(QUERY_QUEUE, connection);
const worker = new Worker(QUERY_QUEUE, null, connection);

afterAll(async () => {
  await worker.close();
  await queue.close();
  await redis.quit();
});

describe('a job that is taken in the moment in which the shutdown begins', () => {
  it('returns to the queue unchanged, and does not begin', async () => {
    await queue.add(QUERY_JOB, {}, { jobId: 'a', attempts: 3 });
    const job = await worker.getNextJob('token');
    await worker.pause(true);
    const processor = new QueryProcessor(NO_PUBLISHER);
    let hasBegun = false;
    // Set as Nest and `begin` would; `begin` itself would also start this worker.
    Reflect.set(processor, '_worker', worker);
    Reflect.set(processor, 'execution', { complete: async () => (hasBegun = true) });
    const processing = processor.process(job, 'token');
    await expect(processing).rejects.toMatchObject({ name: 'WaitingError' });
    expect(hasBegun).toBe(false);
    expect(await queue.getWaitingCount()).toBe(1);
    const { attemptsMade, stalledCounter, finishedOn } = (await queue.getJob('a')) ?? {};
    expect({ attemptsMade, stalledCounter, finishedOn }).toEqual({
      attemptsMade: 0,
      stalledCounter: 0,
      finishedOn: undefined,
    });
  });
});

describe('a process that has a suspect among its queries', () => {
  /** Two concurrent jobs in a queue of their own; each run calls `act`. */
  async function createWorld(act: (query: TakenQuery, signal: AbortSignal) => Promise<void>) {
    const own = { connection: redis, prefix: `{t-${randomUUID()}}` };
    const jobs = new Queue(QUERY_QUEUE, own);
    const add = (jobId: string) => jobs.add(QUERY_JOB, toJobPayload(REQUEST, 'c'), { jobId, attempts: 3 });
    const processor = new QueryProcessor(NO_PUBLISHER);
    const process: Processor = (job, token) => processor.process(job, token);
    const taking = new Worker(QUERY_QUEUE, process, { ...own, autorun: false, concurrency: 4 });
    Reflect.set(processor, '_worker', taking);
    await Promise.all(['company', 'suspect'].map(add));
    const held: string[] = [];
    const complete = (query: TakenQuery, signal: AbortSignal) => {
      held.push(query.id);
      return act(query, signal);
    };
    processor.begin({ complete } as unknown as QueryExecution);
    await waitUntil(
      'both to be taken',
      async () => held,
      (ids) => ids.length === 2,
    );
    const end = async () => {
      await taking.close();
      await jobs.close();
    };
    return { jobs, add, held, taking, processor, end };
  }

  it('takes no other query until the suspect has run alone, and then as many as before', async () => {
    const endings = new Map<string, () => void>();
    const alone: string[] = [];
    const { jobs, add, held, taking, end } = await createWorld(async ({ id, stay }, signal) => {
      const ended = new Promise<void>((resolve) => endings.set(id, resolve));
      if (id === 'suspect') alone.push(await stay.becomeAlone(signal).then(() => id));
      await ended;
    });
    expect(taking.concurrency).toBe(1);
    await add('late');
    endings.get('company')!();
    await waitUntil(
      'the suspect to be alone',
      async () => alone,
      (ids) => ids.length === 1,
    );
    // A fetch that was waiting already may have taken it once and returned it.
    await waitUntil(
      'the late one to wait',
      () => jobs.getWaitingCount(),
      (count) => count === 1,
    );
    expect(held).toEqual(['company', 'suspect']);
    endings.get('suspect')!();
    await waitUntil(
      'the late one to be begun',
      async () => held,
      (ids) => ids.length === 3,
    );
    expect(taking.concurrency).toBe(4);
    const { attemptsMade, stalledCounter } = (await jobs.getJob('late')) ?? {};
    expect({ attemptsMade, stalledCounter }).toEqual({ attemptsMade: 0, stalledCounter: 0 });
    endings.get('late')!();
    await end();
  });

  it.each([['takes no other while it drains', true] as const, ['takes others', false] as const])(
    '%s once the suspect has proven itself, which still runs',
    async (_name, isDraining) => {
      const endings = new Map<string, () => void>();
      const alone: string[] = [];
      const proven: (() => void)[] = [];
      const { jobs, add, held, taking, end } = await createWorld(async ({ id, stay }, signal) => {
        const ended = new Promise<void>((resolve) => endings.set(id, resolve));
        if (id === 'suspect') {
          proven.push(stay.acceptCompany);
          alone.push(await stay.becomeAlone(signal).then(() => id));
        }
        await ended;
      });
      endings.get('company')!();
      await waitUntil(
        'the suspect to be alone',
        async () => alone,
        (ids) => ids.length === 1,
      );
      await Promise.all(['late', 'later'].map(add));
      // Until then a fetch that began before the quarantine closed may take one and return it.
      const countFetches = () => (Reflect.get(taking, 'mainLoopQueue') as { numTotal(): number }).numTotal() - 1;
      await waitUntil(
        'the worker to wait for nothing but its suspect',
        async () => [await jobs.getWaitingCount(), countFetches()],
        ([waiting, fetches]) => waiting === 2 && fetches === 0,
      );
      if (isDraining) await taking.pause(true);
      proven[0]!();
      expect([taking.concurrency, taking.isPaused()]).toEqual([4, isDraining]);
      if (!isDraining) {
        await waitUntil(
          'the others to be begun while the suspect runs',
          async () => held,
          (ids) => ids.length === 4,
        );
        for (const id of ['late', 'later']) endings.get(id)!();
      }
      endings.get('suspect')!();
      await taking.close();
      expect(held.slice(2).sort()).toEqual(isDraining ? [] : ['late', 'later']);
      expect(await jobs.getWaitingCount()).toBe(isDraining ? 2 : 0);
      await end();
    },
  );

  it('returns all jobs at once, unchanged, at a shutdown while the suspect waits', async () => {
    const { jobs, taking, processor, end } = await createWorld(({ id, stay }, signal) =>
      id === 'suspect'
        ? stay.becomeAlone(signal)
        : new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('stopped')))),
    );
    await drain(taking, (reason) => processor.cancelRuns(reason));
    await waitUntil(
      'both to be given back',
      () => jobs.getWaitingCount(),
      (count) => count === 2,
    );
    for (const job of await jobs.getWaiting()) {
      expect([job.attemptsMade, job.stalledCounter, job.finishedOn]).toEqual([0, 0, undefined]);
    }
    await end();
  });
});

describe('a run', () => {
  /** The run of one job, taken with `token`, that calls `complete`. */
  async function createRun(complete: (signal: AbortSignal) => Promise<void>) {
    const own = { connection: redis, prefix: `{t-${randomUUID()}}` };
    const jobs = new Queue(QUERY_QUEUE, own);
    await jobs.add(QUERY_JOB, toJobPayload(REQUEST, 'c'), { jobId: 'a', attempts: 3 });
    const taking = new Worker(QUERY_QUEUE, null, own);
    const job = await taking.getNextJob('token');
    const processor = new QueryProcessor(NO_PUBLISHER);
    Reflect.set(processor, '_worker', taking);
    Reflect.set(processor, 'execution', { complete: (_query: TakenQuery, signal: AbortSignal) => complete(signal) });
    /** @returns The number of attempts. */
    const end = async () => {
      const { attemptsMade } = (await jobs.getJob('a')) ?? {};
      await taking.close();
      await jobs.close();
      return attemptsMade;
    };
    return { run: (token: string) => processor.process(job, token), processor, end };
  }

  it('is aborted at the shutdown, as is another run of its query in the same process', async () => {
    const { run, processor, end } = await createRun(
      (signal) =>
        new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error))),
    );
    const running = ['an earlier token', 'token'].map(run);
    processor.cancelRuns('drain');
    for (const one of running) await expect(one).rejects.toMatchObject({ name: 'WaitingError' });
    expect(await end()).toBe(0);
  });

  it('that fails unexpectedly passes a code alone to BullMQ', async () => {
    const { run, end } = await createRun(() => Promise.reject(new Error('canary')));
    await expect(run('token')).rejects.toThrow(/^UNEXPECTED$/);
    await end();
  });

  it('returns to the queue without a lost attempt, at a shutdown during the wait before a retry', async () => {
    let tellOfFailure: () => void;
    const failing = new Promise<void>((resolve) => (tellOfFailure = resolve));
    const { run, processor, end } = await createRun(async () => {
      tellOfFailure();
      throw new Error('canary');
    });
    const running = run('token');
    await failing;
    processor.cancelRuns('drain');
    await expect(running).rejects.toMatchObject({ name: 'WaitingError' });
    expect(await end()).toBe(0);
  });
});
