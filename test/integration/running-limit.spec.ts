import { randomUUID } from 'node:crypto';
import { type Job, Queue, WaitingError, Worker } from 'bullmq';
import { afterAll, describe, expect, inject, it, onTestFinished } from 'vitest';
import { QUERY_JOB, QUERY_QUEUE, toJobPayload } from '#shared/contract/query-job';
import type { QueryRequest } from '#shared/contract/query-request';
import { connectForWork } from '#shared/redis/connections';
import { RecordKeys } from '#shared/redis/record-keys';
import { WorkerBeats } from '#shared/redis/worker-beats';
import { drain } from '../../apps/worker/src/lifecycle/bullmq-workers';
import { createWorkerIdentity, Heartbeat } from '../../apps/worker/src/lifecycle/heartbeat';
import { RunningLimit } from '../../apps/worker/src/lifecycle/running-limit';
import type { OutcomePublisher } from '../../apps/worker/src/queries/outcome-publisher';
import type { QueryExecution, TakenQuery } from '../../apps/worker/src/queries/query-execution';
import { QueryProcessor } from '../../apps/worker/src/queries/query.processor';
import { startTcpProxy } from '../support/tcp-proxy';
import { waitUntil } from '../support/wait-until';

const REQUEST = { start: '2021-10-10', end: '2021-10-10', maxAgeSeconds: 0 } as QueryRequest;
const redis = connectForWork(inject('redisUrl'));
const forEver = new AbortController().signal;

afterAll(() => redis.quit());

/** A queue of its own. */
function createQueue() {
  const prefix = `{t-${randomUUID()}}`;
  const connection = { connection: redis, prefix };
  const queue = new Queue(QUERY_QUEUE, connection);
  onTestFinished(() => queue.close());
  const add = (jobId: string) => queue.add(QUERY_JOB, toJobPayload(REQUEST, 'c'), { jobId, attempts: 1 });
  return { prefix, connection, queue, add, limitTo: (max?: number) => new RunningLimit(queue, max).decide(forEver) };
}

/** How a run ends. */
type End = 'completed' | 'failed' | 'given back';

async function giveBack(job: Job, token: string | undefined): Promise<never> {
  await job.moveToWait(token);
  throw new WaitingError();
}

/** Two workers with a concurrency of four each, whose runs the test ends. */
async function createFleet(max: number) {
  const world = createQueue();
  await world.limitTo(max);
  /** The runs by job: the index of the worker, and the function that ends the run. */
  const running = new Map<string, { at: number; end: (end: End) => void }>();
  const begun: string[] = [];
  let most = 0;
  const workers = [0, 1].map(
    (at) =>
      new Worker(
        QUERY_QUEUE,
        async (job, token) => {
          const id = String(job.id);
          // As the query processor does with a job that it gets in the moment of the shutdown.
          if (workers[at]?.isPaused()) return giveBack(job, token);
          const ended = new Promise<End>((resolve) => running.set(id, { at, end: resolve }));
          begun.push(id);
          most = Math.max(most, running.size);
          const end = await ended;
          running.delete(id);
          if (end === 'failed') throw new Error('canary');
          if (end === 'given back') await giveBack(job, token);
        },
        { ...world.connection, concurrency: 4 },
      ),
  );
  onTestFinished(async () => {
    const paused = workers.map((worker) => worker.pause(true));
    for (const { end } of running.values()) end('completed');
    await Promise.all(paused);
    await Promise.all(workers.map((worker) => worker.close()));
  });
  const untilBegun = (count: number, limitMs?: number) =>
    waitUntil(
      `${count} runs to be begun`,
      () => begun,
      ({ length }) => length >= count,
      limitMs,
    );
  /** Ends the oldest run. */
  const endOne = (end: End) => [...running.values()][0]?.end(end);
  return { ...world, workers, running, begun, untilBegun, endOne, readMost: () => most };
}

describe('a limit of running queries', () => {
  it('holds over all workers, and each end makes room at once', async () => {
    const { add, begun, untilBegun, endOne, readMost } = await createFleet(2);
    for (const id of ['a', 'b', 'c', 'd', 'e', 'f']) await add(id);
    await untilBegun(2);
    // Well below the five seconds after which an idle worker polls.
    const ends: End[] = ['completed', 'failed', 'given back', 'completed'];
    for (const [i, end] of ends.entries()) {
      endOne(end);
      await untilBegun(3 + i, 2_000);
    }
    expect(new Set(begun.slice(0, 4))).toEqual(new Set(['a', 'b', 'c', 'd']));
    // Returned to the front of the queue.
    expect(begun[4]).toBe('c');
    expect(readMost()).toBe(2);
  });

  it('has room for another worker soon after one that shuts down', async () => {
    const { add, workers, running, untilBegun, endOne, readMost } = await createFleet(1);
    await add('a');
    await untilBegun(1);
    await add('b');
    const { at } = running.get('a')!;
    // It ends its run and takes no other job.
    await drain(workers[at]!, () => endOne('completed'));
    await untilBegun(2, 8_000);
    expect([...running]).toMatchObject([['b', { at: 1 - at }]]);
    expect(readMost()).toBe(1);
  });

  it('is that of the worker that started last, or none if that has none', async () => {
    const { queue, limitTo } = createQueue();
    await limitTo(3);
    await limitTo(5);
    expect(await queue.getGlobalConcurrency()).toBe(5);
    await limitTo();
    expect(await queue.getGlobalConcurrency()).toBeNull();
  });

  it('does not keep a suspect from running alone, nor the next query from beginning after it', async () => {
    const { connection, add, limitTo } = createQueue();
    await limitTo(2);
    const processor = new QueryProcessor({} as OutcomePublisher);
    const worker = new Worker(QUERY_QUEUE, (job, token) => processor.process(job, token), {
      ...{ ...connection, autorun: false, concurrency: 4 },
    });
    Reflect.set(processor, '_worker', worker);
    const endings = new Map<string, () => void>();
    const reached: string[] = [];
    const complete = async ({ id, stay }: TakenQuery, signal: AbortSignal) => {
      const ended = new Promise<void>((resolve) => endings.set(id, resolve));
      reached.push(id);
      if (id === 'suspect') reached.push(await stay.becomeAlone(signal).then(() => 'alone'));
      await ended;
    };
    for (const id of ['company', 'suspect', 'late']) await add(id);
    processor.begin({ complete } as unknown as QueryExecution);
    const until = (what: string) =>
      waitUntil(
        what,
        () => reached,
        (list) => list.includes(what),
      );
    await until('suspect');
    expect(reached).not.toContain('alone');
    endings.get('company')?.();
    await until('alone');
    expect(reached).toEqual(['company', 'suspect', 'alone']);
    endings.get('suspect')?.();
    await until('late');
    endings.get('late')?.();
    await worker.close();
  });
});

describe('a limit in a Redis', () => {
  it('that has lost its data returns with the next beat, but not before the worker takes queries', async () => {
    const { prefix, queue } = createQueue();
    const limit = new RunningLimit(queue, 7);
    const beats = new WorkerBeats(redis, new RecordKeys(prefix));
    const identity = createWorkerIdentity();
    let beatsTold = 0;
    const heartbeat = new Heartbeat(
      beats,
      identity,
      () => [],
      async () => {
        beatsTold += 1;
        // As with a Redis that refuses writes.
        if (beatsTold === 2) throw new Error('canary');
        await limit.restore();
      },
    );
    onTestFinished(() => heartbeat.onModuleDestroy());
    await waitUntil(
      'the first beat',
      () => beatsTold,
      (count) => count === 1,
    );
    expect(await queue.getGlobalConcurrency()).toBeNull();
    await limit.decide(forEver);
    await redis.del(...(await redis.keys(`${prefix}:*`)));
    await waitUntil(
      'the limit to be back',
      () => queue.getGlobalConcurrency(),
      (max) => max === 7,
    );
    // Called once more after the failure, and not again: what others write since then stays.
    await queue.setGlobalConcurrency(9);
    const before = await beats.list();
    await waitUntil(
      'another beat',
      () => beats.list(),
      ([beat]) => (beat?.lastBeatAt ?? 0) > (before[0]?.lastBeatAt ?? 0),
    );
    expect([beatsTold, await queue.getGlobalConcurrency()]).toEqual([3, 9]);
  });

  it('that is unreachable is written once it is reachable, unless the process shuts down before', async () => {
    const { hostname, port } = new URL(inject('redisUrl'));
    const proxy = await startTcpProxy({ host: hostname, port: Number(port || 6_379) });
    proxy.setMode('cut');
    const line = connectForWork(`redis://127.0.0.1:${proxy.port}`);
    line.on('error', () => {});
    const { prefix, queue } = createQueue();
    const away = new Queue(QUERY_QUEUE, { connection: line, prefix, skipVersionCheck: true });
    away.on('error', () => {});
    onTestFinished(async () => {
      await away.close();
      line.disconnect();
      await proxy.stop();
    });
    const going = new AbortController();
    const staying = new RunningLimit(away, 2).decide(forEver);
    const leaving = new RunningLimit(away, 2).decide(going.signal);
    await waitUntil(
      'a refused connection',
      () => proxy.refused,
      (count) => count > 0,
    );
    going.abort(new Error('drain'));
    expect(await queue.getGlobalConcurrency()).toBeNull();
    proxy.setMode('pass');
    await staying;
    await expect(leaving).rejects.toThrow('drain');
    expect(await queue.getGlobalConcurrency()).toBe(2);
  });
});
