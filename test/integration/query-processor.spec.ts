import { randomUUID } from 'node:crypto';
import { Queue, Worker } from 'bullmq';
import { afterAll, describe, expect, inject, it } from 'vitest';
import { QUERY_JOB, QUERY_QUEUE } from '#shared/contract/query-job';
import { connectForWork } from '#shared/redis/connections';
import { QueryProcessor } from '../../apps/worker/src/queries/query.processor';

const redis = connectForWork(inject('redisUrl'));
const connection = { connection: redis, prefix: `{t-${randomUUID()}}` };
const queue = new Queue(QUERY_QUEUE, connection);
const worker = new Worker(QUERY_QUEUE, null, connection);

afterAll(async () => {
  await worker.close();
  await queue.close();
  await redis.quit();
});

describe('a job that is taken in the very moment in which the process is told to go', () => {
  it('is given back unharmed, and not begun', async () => {
    await queue.add(QUERY_JOB, {}, { jobId: 'a', attempts: 3 });
    const job = await worker.getNextJob('token');
    await worker.pause(true);
    const processor = new QueryProcessor();
    let hasBegun = false;
    // As Nest gives it its worker, and its own beginning the execution, which would have this worker run too.
    Reflect.set(processor, '_worker', worker);
    Reflect.set(processor, 'execution', { complete: async () => (hasBegun = true) });
    const processing = processor.process(job, 'token', new AbortController().signal);
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
