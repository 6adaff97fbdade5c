import type { QueryResult } from '#shared/contract/query-document';
import { followLocation, toSubmission } from '../support/conversation';
import { type ServiceProcess, startApi, startWorker, waitUntilReady } from '../support/service-processes';
import type { Task } from './contestant';
import { readPeakRssBytes } from './peak-rss';

export interface WorkerMeasurement {
  /** From the worker's first word on the query to its last. */
  runMs: number;
  /** From the caller's submission to the outcome. */
  totalMs: number;
  result: QueryResult;
  /** Of the worker's process. */
  peakRssBytes: number;
}

interface Answer {
  createdAt: string;
  startedAt: string;
  finishedAt: string;
  result: QueryResult;
}

/** Has a new worker process run the query, submitted over HTTP. The times are those that Redis' clock gave the query. */
export async function runWorker(task: Task): Promise<WorkerMeasurement> {
  const { start, end, engine } = task;
  return withService(task, async ({ api, worker }) => {
    const submission = toSubmission({ start, end, maxAgeSeconds: engine.maxAgeSeconds });
    const reply = await followLocation(`${api.url}/api/queries`, submission);
    const answer = (await reply.json()) as Answer;
    if (answer.finishedAt === null) throw new Error(`the query did not end: ${JSON.stringify(answer)}`);
    const [createdAt, startedAt, finishedAt] = [answer.createdAt, answer.startedAt, answer.finishedAt].map(Date.parse);
    return {
      runMs: (finishedAt ?? NaN) - (startedAt ?? NaN),
      totalMs: (finishedAt ?? NaN) - (createdAt ?? NaN),
      result: answer.result,
      peakRssBytes: readPeakRssBytes(worker.child.pid ?? 0),
    };
  });
}

/** Gives `work` an API and a worker of its own, which are ready. */
export async function withService<T>(
  { connectionString, tableName, engine }: Task,
  work: (service: { api: ServiceProcess; worker: ServiceProcess }) => Promise<T>,
): Promise<T> {
  const common = { REDIS_URL: engine.redisUrl, KEY_PREFIX: engine.keyPrefix };
  const table = { TABLE_CONNECTION_STRING: connectionString, TABLE_NAME: tableName };
  const [api, worker] = await Promise.all([
    startApi(common),
    startWorker({ ...common, ...table, SCAN_CONCURRENCY: String(engine.concurrency) }),
  ]);
  try {
    await Promise.all([waitUntilReady(api), waitUntilReady(worker)]);
    return await work({ api, worker });
  } finally {
    await Promise.all([api.end(), worker.end()]);
  }
}
