import { randomUUID } from 'node:crypto';
import { Queue, Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import { afterAll, beforeEach, describe, expect, inject, it } from 'vitest';
import type { PurgeProgress } from '#shared/contract/purge-job';
import { QUERY_JOB, QUERY_QUEUE, toJobPayload } from '#shared/contract/query-job';
import type { QueryRequest } from '#shared/contract/query-request';
import { CallerQueries } from '#shared/redis/caller-queries';
import { connectForWork } from '#shared/redis/connections';
import { Outcomes } from '#shared/redis/outcomes';
import { QueryPurge } from '#shared/redis/query-purge';
import { QueryStates } from '#shared/redis/query-states';
import { RecordKeys } from '#shared/redis/record-keys';
import { type PurgePorts, purgeQueries } from '../../apps/worker/src/tasks/purge-queries';
import { waitUntil } from '../support/wait-until';

const NEVER = new AbortController().signal;
const NOTHING: PurgeProgress = { looked: 0, purged: 0, after: null };

const redis = connectForWork(inject('redisUrl')) as Redis;
let keys: RecordKeys;
let ports: PurgePorts;

beforeEach(() => {
  keys = new RecordKeys(`{t-${randomUUID()}}`);
  ports = {
    queries: new CallerQueries(redis, keys, 60).ofAll(),
    states: new QueryStates(redis, keys, new Outcomes(redis, keys, 60)),
    purge: new QueryPurge(redis, keys),
  };
});
afterAll(() => redis.quit());

/** Queries 0 to `count - 1`, created in the millisecond of their number; every third failed, the others are completed. */
async function seed(count: number): Promise<void> {
  for (let begin = 0; begin < count; begin += 1_000) {
    const pipeline = redis.pipeline();
    for (let i = begin; i < Math.min(count, begin + 1_000); i += 1) {
      const id = toId(i);
      const status = i % 3 === 0 ? 'Failed' : 'Completed';
      const times = { createdAt: i, finishedAt: i, expiresAt: i };
      const outcome = { status, caller: 'c', request: {}, ...times, progress: {}, error: null };
      pipeline.set(keys.outcome(id), JSON.stringify(outcome));
      pipeline.hset(keys.job(id), { data: '{}', progress: '{"ended":true}' });
      pipeline.zadd(`${keys.queue}:completed`, i, id);
      pipeline.rpush(keys.history(id).events, '{}');
      for (const list of [keys.allQueries, keys.callerQueries('c')]) pipeline.zadd(list, i, id);
    }
    await pipeline.exec();
  }
}

const toId = (i: number) => `a${i.toString(16).padStart(31, '0')}`;

describe('purging many queries', () => {
  it('purges 20,000 in small batches of short commands, and leaves nothing', { timeout: 120_000 }, async () => {
    await seed(20_000);
    const { largest, names, stop } = countCommands(redis);
    const steps: PurgeProgress[] = [];
    const store = async (progress: PurgeProgress) => void steps.push(progress);
    await purgeQueries({ createdBefore: 30_000 }, ports, NOTHING, store, NEVER);
    stop();
    expect(steps.at(-1)).toMatchObject({ looked: 20_000, purged: 20_000 });
    expect(steps).toHaveLength(201);
    // Commands that are sent together, without those of other clients in between.
    expect(largest()).toBeLessThanOrEqual(200);
    // `eval` is used only for the first call of a script.
    names.delete('eval');
    expect([...names].sort()).toEqual(['evalsha', 'get', 'hmget', 'zrevrangebyscore']);
    expect(await redis.keys(`${keys.prefix}*`)).toEqual([]);
  });

  it('purges the queries that match, and continues where it was', async () => {
    await seed(450);
    const stop = new AbortController();
    const steps: PurgeProgress[] = [];
    const store = async (progress: PurgeProgress) => {
      steps.push(progress);
      if (steps.length === 2) stop.abort(new Error('killed'));
    };
    const wanted = { status: 'Failed', createdBefore: 399 } as const;
    await expect(purgeQueries(wanted, ports, NOTHING, store, stop.signal)).rejects.toThrow();
    const from = steps.at(-1) ?? NOTHING;
    expect(from).toMatchObject({ looked: 200, after: { createdAt: 200 } });
    await purgeQueries(wanted, ports, from, store, NEVER);
    expect(steps.at(-1)).toMatchObject({ looked: 400, purged: 134 });
    const left = await redis.zrange(keys.allQueries, 0, -1);
    expect(left).toEqual(
      Array.from({ length: 450 }, (_, i) => i).flatMap((i) => (i % 3 === 0 && i < 400 ? [] : toId(i))),
    );
  });

  it('leaves queries that have not ended', async () => {
    await seed(3);
    await redis.del(keys.outcome(toId(0)));
    await redis.hset(keys.job(toId(0)), { data: '{"caller":"c","request":{}}', progress: '0', timestamp: 0 });
    await redis.set(keys.jobLock(toId(1)), 'somebody');
    await purgeQueries({ createdBefore: 3 }, ports, NOTHING, async () => {}, NEVER);
    expect(await redis.zrange(keys.allQueries, 0, -1)).toEqual([toId(0), toId(1)]);
  });
});

describe('purging a query whose worker was lost', () => {
  it('leaves nothing that BullMQ treats as a job, and the id can be queued again and runs once', async () => {
    const connection = { connection: redis, prefix: keys.prefix };
    const queue = new Queue(QUERY_QUEUE, connection);
    const request = { start: '2021-10-10', end: '2021-10-10', maxAgeSeconds: 0 } as QueryRequest;
    const payload = toJobPayload(request, 'c');
    const id = toId(1);
    await queue.add(QUERY_JOB, payload, { jobId: id, timestamp: 1 });
    // Takes the job and stops: nothing renews its lock.
    const lost = new Worker(QUERY_QUEUE, null, connection);
    await lost.getNextJob('token');
    const outcomes = new Outcomes(redis, keys, 60);
    const states = new QueryStates(redis, keys, outcomes);
    const checker = new Worker(QUERY_QUEUE, null, connection);
    // The first stalled check marks active jobs, the second one examines those.
    const check = async () => {
      await redis.del(`${keys.queue}:stalled-check`);
      await (checker as unknown as { moveStalledJobsToWait(): Promise<void> }).moveStalledJobsToWait();
    };
    await check();
    await outcomes.terminate((await states.decide(id))!, { caller: 'c' });
    expect(await ports.purge.purge(id, 'c')).toBe('live');
    await redis.del(keys.jobLock(id));
    expect(await ports.purge.purge(id, 'c')).toBe('purged');
    for (let i = 0; i < 2; i += 1) await check();
    const lists = () => Promise.all(['wait', 'active'].map((list) => redis.lrange(`${keys.queue}:${list}`, 0, -1)));
    expect(await redis.keys(`${keys.prefix}*${id}*`)).toEqual([]);
    expect(await lists()).toEqual([[], []]);

    await queue.add(QUERY_JOB, payload, { jobId: id, timestamp: 2 });
    const taken: string[] = [];
    const worker = new Worker(QUERY_QUEUE, async (job) => void taken.push(job.id ?? ''), connection);
    await waitUntil(
      'the job to be completed',
      () => queue.getCompletedCount(),
      (count) => count === 1,
    );
    expect([taken, await lists()]).toEqual([[id], [[], []]]);
    await Promise.all([lost, checker, worker, queue].map((one) => one.close()));
  });
});

/** Counts the most commands that a connection sends before it waits for replies, and records their names. */
function countCommands(connection: Redis) {
  const send = connection.sendCommand.bind(connection);
  const names = new Set<string>();
  let underWay = 0;
  let largest = 0;
  connection.sendCommand = (command, ...rest) => {
    names.add(command.name);
    underWay += 1;
    largest = Math.max(largest, underWay);
    const done = () => (underWay -= 1);
    (command.promise as Promise<unknown>).then(done, done);
    return send(command, ...rest);
  };
  return { largest: () => largest, names, stop: () => (connection.sendCommand = send) };
}
