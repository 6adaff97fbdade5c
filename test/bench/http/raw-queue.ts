import { randomBytes } from 'node:crypto';
import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { QUERY_ATTEMPTS, QUERY_JOB, QUERY_QUEUE } from '#shared/contract/query-job';
import { CONNECTIONS, REQUEST } from './http-bench';

/** BullMQ alone, without a listener: as many calls under way as the others have connections. */
export interface RawQueue {
  /** Jobs a second. */
  measureAdd(seconds: number): Promise<number>;
  /** Jobs read a second, each of these in turn. */
  measureGetJob(ids: readonly string[], seconds: number): Promise<number>;
  /** Adds so many at once, and returns their ids. */
  fill(count: number): Promise<string[]>;
  close(): Promise<void>;
}

/** What the service adds for a query. */
function toJob(): { id: string; data: object; options: object } {
  const id = randomBytes(16).toString('hex');
  const keep = { age: 86_400 };
  const options = {
    jobId: id,
    timestamp: Date.now(),
    attempts: QUERY_ATTEMPTS,
    backoff: { type: 'exponential', delay: 1_000 },
    removeOnComplete: keep,
    removeOnFail: keep,
  };
  return { id, data: { version: 1, caller: 'anonymous', request: REQUEST }, options };
}

const BULK = 1_000;

export function openRawQueue(redisUrl: string, prefix: string): RawQueue {
  const connection = new Redis(redisUrl);
  const queue = new Queue(QUERY_QUEUE, { connection, prefix });
  return {
    measureAdd: (seconds) =>
      measureLoops(seconds, () => {
        const { data, options } = toJob();
        return queue.add(QUERY_JOB, data, options);
      }),
    measureGetJob: (ids, seconds) => measureLoops(seconds, (turn) => queue.getJob(ids[turn % ids.length] ?? '')),
    async fill(count) {
      const ids: string[] = [];
      while (ids.length < count) {
        const jobs = Array.from({ length: Math.min(BULK, count - ids.length) }, toJob);
        await queue.addBulk(jobs.map(({ data, options }) => ({ name: QUERY_JOB, data, opts: options })));
        ids.push(...jobs.map(({ id }) => id));
      }
      return ids;
    },
    async close() {
      await queue.close();
      connection.disconnect();
    },
  };
}

async function measureLoops(seconds: number, call: (turn: number) => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  const endAt = startedAt + seconds * 1_000;
  let turns = 0;
  const loop = async () => {
    while (performance.now() < endAt) await call(turns++);
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, loop));
  return (turns * 1_000) / (performance.now() - startedAt);
}
