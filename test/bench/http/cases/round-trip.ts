import { Queue, QueueEvents } from 'bullmq';
import { Redis } from 'ioredis';
import { Agent, request } from 'undici';
import { QUERY_JOB, QUERY_QUEUE } from '#shared/contract/query-job';
import { startWorker, waitUntilReady } from '../../../support/service-processes';
import { forEachRound, newKeyPrefix, withTable } from '../../bench';
import type { Task } from '../../contestant';
import type { Check } from '../../report';
import { summarize } from '../../summary';
import { compareRounds, type HttpBench } from '../http-bench';
import { startBareWorker } from '../peer';
import { startService } from '../start-service';

const QUERIES_PER_ROUND = 200;
const MAX_AGE_SECONDS = 3_600;

interface Contestant {
  /** One round trip, in milliseconds. */
  measure(): Promise<number>;
  close(): Promise<void>;
}

/** From a submission to the answer of who waits for it, of a query whose day was read before. */
export function roundTrip(bench: HttpBench): Promise<Check[]> {
  return withTable(bench, { entitiesOfDays: [10] }, async ({ task }) => {
    const contestants = [await openService(task({ concurrency: 1 })), await openBareQueue(bench.redisUrl)] as const;
    try {
      const medians = contestants.map((): number[] => []);
      for (const contestant of contestants) await measureMedian(contestant);
      await forEachRound(bench.rounds, async () => {
        for (const [i, contestant] of contestants.entries()) medians[i]?.push(await measureMedian(contestant));
      });
      const [ours = [], peer = []] = medians;
      const what = 'submit to the waiting client’s answer, no page to read, beside BullMQ’s bare round trip';
      return [compareRounds({ case: 4, what, unit: 'ms', ours, peer, target: { below: 3 } })];
    } finally {
      for (const contestant of contestants) await contestant.close();
    }
  });
}

async function measureMedian(contestant: Contestant): Promise<number> {
  const times: number[] = [];
  while (times.length < QUERIES_PER_ROUND) times.push(await contestant.measure());
  return summarize(times).median;
}

async function openService({ connectionString, tableName, start, end, engine }: Task): Promise<Contestant> {
  const common = { REDIS_URL: engine.redisUrl, KEY_PREFIX: engine.keyPrefix };
  const table = { TABLE_CONNECTION_STRING: connectionString, TABLE_NAME: tableName };
  const [api, worker] = await Promise.all([
    startService(engine.redisUrl, engine.keyPrefix),
    startWorker({ ...common, ...table }),
  ]);
  await waitUntilReady(worker);
  const dispatcher = new Agent();
  const submit = async (maxAgeSeconds: number) => {
    const { statusCode, body } = await request(`${api.url}/api/queries`, {
      dispatcher,
      method: 'POST',
      headers: { 'content-type': 'application/json', prefer: 'wait=20' },
      body: JSON.stringify({ start, end, maxAgeSeconds }),
    });
    const text = await body.text();
    if (statusCode !== 200) throw new Error(`a query that was waited for was answered ${statusCode}: ${text}`);
    return JSON.parse(text) as { result: { daysScanned: number } };
  };
  await submit(0);
  return {
    async measure() {
      const startedAt = performance.now();
      const { result } = await submit(MAX_AGE_SECONDS);
      const ms = performance.now() - startedAt;
      if (result.daysScanned > 0) throw new Error('a day was read again');
      return ms;
    },
    async close() {
      await dispatcher.destroy();
      await Promise.all([api.end(), worker.end()]);
    },
  };
}

/** `Queue.add` and `waitUntilFinished`, with a worker in a process of its own that does nothing. */
async function openBareQueue(redisUrl: string): Promise<Contestant> {
  const prefix = newKeyPrefix();
  const worker = await startBareWorker(redisUrl, prefix);
  const connection = new Redis(redisUrl, { maxRetriesPerRequest: null });
  const queue = new Queue(QUERY_QUEUE, { connection, prefix });
  const events = new QueueEvents(QUERY_QUEUE, { connection, prefix });
  await events.waitUntilReady();
  return {
    async measure() {
      const startedAt = performance.now();
      const job = await queue.add(QUERY_JOB, {});
      await job.waitUntilFinished(events);
      return performance.now() - startedAt;
    },
    async close() {
      await events.close();
      await queue.close();
      connection.disconnect();
      await worker.stop();
    },
  };
}
