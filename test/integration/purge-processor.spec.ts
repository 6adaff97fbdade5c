import { randomUUID } from 'node:crypto';
import { Queue, Worker } from 'bullmq';
import { afterAll, describe, expect, inject, it, onTestFinished } from 'vitest';
import { PURGE_JOB, PURGE_QUEUE } from '#shared/contract/purge-job';
import type { CallerQueries } from '#shared/redis/caller-queries';
import { connectForWork } from '#shared/redis/connections';
import type { QueryPurge } from '#shared/redis/query-purge';
import type { QueryStates } from '#shared/redis/query-states';
import { PurgeProcessor } from '../../apps/worker/src/tasks/purge.processor';

const ATTEMPTS = 11;
const redis = connectForWork(inject('redisUrl'));

afterAll(() => redis.quit());

describe('a purge that fails unexpectedly', () => {
  /** A purge after `attemptsMade` attempts; `run` makes another one. */
  async function createPurge(attemptsMade: number) {
    const connection = { connection: redis, prefix: `{t-${randomUUID()}}` };
    const queue = new Queue(PURGE_QUEUE, connection);
    const worker = new Worker(PURGE_QUEUE, null, connection);
    onTestFinished(async () => {
      await worker.close();
      await queue.close();
    });
    await queue.add(PURGE_JOB, { createdBefore: 1, operator: 'ada' }, { attempts: ATTEMPTS });
    const job = await worker.getNextJob('token');
    job.attemptsMade = attemptsMade;
    let tellOfFailure: () => void;
    const failing = new Promise<void>((resolve) => (tellOfFailure = resolve));
    const queries = {
      list: async () => {
        tellOfFailure();
        throw new Error('canary');
      },
    };
    const callers = { ofAll: () => queries } as unknown as CallerQueries;
    // No purge in these tests reaches these two.
    const processor = new PurgeProcessor(callers, {} as QueryStates, {} as QueryPurge);
    return { failing, queue, run: (signal: AbortSignal) => processor.process(job, 'token', signal) };
  }

  it('returns to the queue without a lost attempt, at a shutdown during the wait before a retry', async () => {
    const { failing, queue, run } = await createPurge(0);
    const controller = new AbortController();
    const running = run(controller.signal);
    await failing;
    controller.abort('drain');
    await expect(running).rejects.toMatchObject({ name: 'WaitingError' });
    expect(await queue.getWaiting()).toMatchObject([{ attemptsMade: 0 }]);
  });

  it('does not wait after its last attempt, and passes a code alone to BullMQ', async () => {
    // Aborted during a wait, which would last half a minute, it would return to the queue.
    const { run } = await createPurge(ATTEMPTS - 1);
    await expect(run(AbortSignal.timeout(10_000))).rejects.toThrow(/^UNEXPECTED$/);
  });
});
