import { InjectQueue } from '@nestjs/bullmq';
import { Inject, Injectable, Logger } from '@nestjs/common';
import { trace } from '@opentelemetry/api';
import type { Queue } from 'bullmq';
import type { RedisClient } from '#shared/redis/redis-client';
import { ApiConfig } from '#shared/config/api-config';
import { QUERY_ATTEMPTS, QUERY_JOB, QUERY_QUEUE, type QueryJobPayload } from '#shared/contract/query-job';
import { REDIS } from './redis.token';
import type { QueryState } from '#shared/contract/query-document';
import type { CallerQueries } from '#shared/redis/caller-queries';
import type { QueryStates } from '#shared/redis/query-states';

const COUNT_MAX_AGE_MS = 1_000;

/** A cluster does not tell when the server is back that was away. */
const DISCARD_AGAIN_MS = 1_000;

/** The one place that adds jobs. */
@Injectable()
export class QueryQueue {
  private readonly logger = new Logger(QueryQueue.name);
  /** What to do once the job is gone, by its id. */
  private readonly unwanted = new Map<string, () => void>();
  private discarding: NodeJS.Timeout | undefined;
  private waiting = { countedAt: -Infinity, count: Promise.resolve(0) };

  constructor(
    @InjectQueue(QUERY_QUEUE) private readonly queue: Queue<QueryJobPayload>,
    private readonly config: ApiConfig,
    @Inject(REDIS) redis: RedisClient,
  ) {
    // The connection's own listener tells of outages; without this one BullMQ would print each error too.
    queue.on('error', () => {});
    redis.on('ready', () => this.discardUnwanted());
  }

  /**
   * Puts a query on the queue. Once this has returned, Redis has acknowledged the job. A job that is there under
   * this id already stays as it is.
   *
   * @param createdAt Milliseconds since 1970 by Redis' clock, by which the freshness of day sets is judged too.
   */
  async add(id: string, payload: QueryJobPayload, createdAt: number): Promise<void> {
    trace.getActiveSpan()?.setAttribute('audit_query.query_id', id);
    const keep = { age: this.config.resultTtlSeconds };
    await this.queue.add(QUERY_JOB, payload, {
      jobId: id,
      timestamp: createdAt,
      attempts: QUERY_ATTEMPTS,
      removeOnComplete: keep,
      removeOnFail: keep,
    });
  }

  /** What the job of a query carries; undefined when there is no job. */
  async readPayload(id: string): Promise<QueryJobPayload | undefined> {
    return (await this.queue.getJob(id))?.data;
  }

  /** About how many queries wait, known for a moment: each answer needs it, and none needs it exactly. */
  async countWaiting(): Promise<number> {
    if (performance.now() - this.waiting.countedAt > COUNT_MAX_AGE_MS) {
      this.waiting = { countedAt: performance.now(), count: this.queue.getWaitingCount().catch(() => 0) };
    }
    return this.waiting.count;
  }

  /** From now on no worker takes a query, wherever it runs; what is being run is finished. Idempotent. */
  async suspend(): Promise<void> {
    await this.queue.pause();
  }

  async resume(): Promise<void> {
    await this.queue.resume();
  }

  isSuspended(): Promise<boolean> {
    return this.queue.isPaused();
  }

  /** How many queries wait, and how many a worker has. */
  async count(): Promise<{ waiting: number; active: number }> {
    const { wait = 0, active = 0 } = await this.queue.getJobCounts('wait', 'active');
    return { waiting: wait, active };
  }

  /** What BullMQ itself tells of the queue, in Prometheus' form. */
  exportMetrics(labels: Record<string, string>): Promise<string> {
    return this.queue.exportPrometheusMetrics(labels);
  }

  /**
   * Removes the job of a submission that was answered with an error, as soon as Redis is there to do it: the command that
   * adds it may still be on its way. Only for an id that no other submission can have. A job that a worker holds stays.
   */
  discard(id: string, onRemoved: () => void): void {
    this.unwanted.set(id, onRemoved);
    this.remove(id);
  }

  private discardUnwanted(): void {
    for (const id of this.unwanted.keys()) this.remove(id);
  }

  private remove(id: string): void {
    this.queue.remove(id).then(
      () => {
        this.unwanted.get(id)?.();
        this.unwanted.delete(id);
      },
      (error: unknown) => {
        this.logger.debug({ queryId: id, err: error }, 'a job stays on the queue for now');
        this.discardAgain();
      },
    );
  }

  /** Retries after a while; a reconnect is not enough, since clusters emit no event for it. */
  private discardAgain(): void {
    this.discarding ??= setTimeout(() => {
      this.discarding = undefined;
      this.discardUnwanted();
    }, DISCARD_AGAIN_MS).unref();
  }
}

interface QueuePorts {
  queue: QueryQueue;
  callerQueries: CallerQueries;
  states: QueryStates;
}

/**
 * Queues a query, once it was admitted, under an id that others may submit at the same time. BullMQ adds one job for all of
 * them, and does not say whose it is; the query may also have ended by the time that the job is added.
 *
 * @param payload With a `submissionId`.
 * @returns The one query under the id, and whether this submission made it.
 * @throws Error when the query is gone again.
 */
export async function queueOnce(
  id: string,
  payload: QueryJobPayload,
  createdAt: number,
  { queue, callerQueries, states }: QueuePorts,
): Promise<{ state: QueryState; isOwn: boolean }> {
  await queue.add(id, payload, createdAt);
  // In this order, in one round trip.
  const [, stored, state] = await Promise.all([
    callerQueries.confirm(payload.caller, id),
    queue.readPayload(id),
    states.decide(id),
  ]);
  if (state === undefined) throw new Error('the query is gone again');
  return { state, isOwn: stored?.submissionId === payload.submissionId && state.createdAt === createdAt };
}
