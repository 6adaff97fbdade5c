import { MetricsTime, type Worker, type WorkerOptions } from 'bullmq';
import type { WorkerConfig } from '#shared/config/worker-config';
import { createQueueTelemetry } from '#shared/process/tracing';

/** How often a purge may lose its worker, by a crash or a lost machine. BullMQ's default is 1. */
const MAX_LOST_WORKERS = 10;

/**
 * How often BullMQ may hand out a query, deploys and lost workers included. It bounds only queries that never reach a run:
 * a run counts lost workers itself, and knows whether the query may have crashed them, which BullMQ does not.
 */
const MAX_STARTS = 100;

/**
 * BullMQ calls INFO once and keeps a refusal for the life of its connection: its loop then spins and blocks the event
 * loop. Our own checks read the same facts.
 */
const WITHOUT_CHECK = { skipVersionCheck: true };

/** The abort reason of runs and purges when the process shuts down. */
const DRAIN = 'drain';

/** BullMQ's options for purges. Another worker takes over the purge of a lost one, as with queries. */
export function toPurgeWorkerOptions(config: WorkerConfig): Omit<WorkerOptions, 'connection'> {
  const lockDuration = config.lockSeconds * 1_000;
  const lostWorkers = { lockDuration, stalledInterval: lockDuration, maxStalledCount: MAX_LOST_WORKERS };
  // WorkerStart begins it once Redis has all that the service needs.
  return { ...WITHOUT_CHECK, ...lostWorkers, autorun: false, concurrency: 1 };
}

/** BullMQ's options for queries. All workers share the stalled check, so all need the same lock duration. */
export function toQueryWorkerOptions(config: WorkerConfig, workerId: string): Omit<WorkerOptions, 'connection'> {
  const lockDuration = config.lockSeconds * 1_000;
  return {
    // WorkerStart begins it once the secrets are read.
    autorun: false,
    ...WITHOUT_CHECK,
    ...createQueueTelemetry(config),
    // BullMQ stores it with each job, so a job names the worker that runs it.
    name: workerId,
    concurrency: config.queriesPerWorker,
    lockDuration,
    stalledInterval: lockDuration,
    // Without it BullMQ counts nothing to export.
    metrics: { maxDataPoints: MetricsTime.ONE_HOUR },
    maxStalledCount: MAX_STARTS,
    maxStartedAttempts: MAX_STARTS,
  };
}

/**
 * Returns the worker's jobs to the queue at shutdown, so that other workers continue them. It pauses first: a worker that
 * is only cancelled takes the same jobs again.
 */
export async function drain(worker: Worker, cancel: (reason: string) => void): Promise<void> {
  await worker.pause(true);
  cancel(DRAIN);
}
