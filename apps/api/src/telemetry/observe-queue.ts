import { type RedisClient, toMilliseconds, runPipeline } from '#shared/redis/redis-client';
import { Counter, Gauge } from 'prom-client';
import { FAILURE_CODES } from '#shared/contract/error-codes';
import type { QueryStatus } from '#shared/contract/query-status';
import type { QueryCounts } from '#shared/redis/query-states';
import type { RecordKeys } from '#shared/redis/record-keys';
import type { WorkerBeats } from '#shared/redis/worker-beats';
import type { Metrics } from '#shared/process/metrics';
import type { QueryQueue } from '../queue/query-queue';

export interface QueueSources {
  redis: RedisClient;
  keys: RecordKeys;
  queue: QueryQueue;
  counts: QueryCounts;
  beats: WorkerBeats;
}

/** What waits, what runs, what ended how, and who works: the same from every API process, since Redis knows it. */
export function observeQueue(metrics: Metrics, { redis, keys, queue, counts, beats }: QueueSources): void {
  const gauges = createGauges(metrics);
  const ended = createEndedCounter(metrics);
  metrics.beforeScrape({
    async read() {
      const depth = await readDepth(redis, keys);
      gauges.jobs.set({ state: 'wait' }, depth.wait);
      gauges.jobs.set({ state: 'active' }, depth.active);
      gauges.oldest.set(depth.oldestSeconds);
      ended.show(await redis.hgetall(keys.endedCounts));
      gauges.workers.set(await beats.countAlive());
      showQueries(gauges.queries, await counts.refresh(), await queue.isSuspended());
    },
    forget() {
      for (const gauge of [gauges.jobs, gauges.queries]) gauge.reset();
      for (const gauge of [gauges.oldest, gauges.workers]) gauge.remove();
      ended.forget();
    },
  });
  metrics.beforeScrape({ read: () => queue.exportMetrics({ app: metrics.app }) });
}

/** Each API process reports the same values: take their maximum, not their sum. */
const SAME = 'the same from every API process: aggregate with max';

function createGauges({ registry }: Metrics) {
  const registers = [registry];
  return {
    jobs: new Gauge({
      name: 'audit_query_queue_jobs',
      help: `Jobs on the queue: wait (for a worker), active (one has them); ${SAME}`,
      labelNames: ['state'],
      registers,
    }),
    oldest: new Gauge({
      name: 'audit_query_queue_oldest_waiting_seconds',
      help: `How long ago the query that is next in the queue was submitted; 0: none waits; ${SAME}`,
      registers,
    }),
    workers: new Gauge({
      name: 'audit_query_workers',
      help: `Worker processes that were heard of within ten seconds; ${SAME}`,
      registers,
    }),
    queries: new Gauge({
      name: 'audit_query_queries',
      help: `Queries that are kept, by status; Suspended: Pending while work is suspended; ${SAME}`,
      labelNames: ['status'],
      registers,
    }),
  };
}

/** Callers never see `Suspended`: to them such a query is Pending. */
function showQueries(gauge: Gauge<'status'>, counts: Record<QueryStatus, number>, isSuspended: boolean): void {
  const { Pending, ...others } = counts;
  const shown = { Pending: isSuspended ? 0 : Pending, Suspended: isSuspended ? Pending : 0, ...others };
  for (const [status, count] of Object.entries(shown)) gauge.set({ status }, count);
}

/** Known from the start: what appears at its first failure cannot be seen to rise. */
const ENDS = [
  { status: 'Completed', code: '' },
  { status: 'Terminated', code: 'QUERY_TERMINATED' },
  ...FAILURE_CODES.filter((code) => code !== 'QUERY_TERMINATED').map((code) => ({ status: 'Failed', code })),
];

function createEndedCounter({ registry }: Metrics) {
  const counter = new Counter({
    name: 'audit_query_queries_ended_total',
    help: `Queries that have ended, by status and by the code of what ended them; ${SAME}`,
    labelNames: ['status', 'code'],
    registers: [registry],
  });
  return {
    show(counts: Record<string, string>): void {
      counter.reset();
      for (const end of ENDS) counter.inc(end, Number(counts[`${end.status}:${end.code}`] ?? 0));
    },
    forget: () => counter.reset(),
  };
}

async function readDepth(redis: RedisClient, keys: RecordKeys) {
  const { queue } = keys;
  const pipeline = redis
    .pipeline()
    .llen(`${queue}:wait`)
    .llen(`${queue}:active`)
    .time()
    // Jobs are taken from this end.
    .lindex(`${queue}:wait`, -1);
  type Replies = [number, number, string[], string | null];
  const [wait, active, time, next] = (await runPipeline(pipeline)) as Replies;
  const createdAt = next === null ? null : await redis.hget(keys.job(next), 'timestamp');
  const oldestMs = createdAt === null ? 0 : toMilliseconds(time) - Number(createdAt);
  return { wait, active, oldestSeconds: Math.max(0, oldestMs / 1_000) };
}
