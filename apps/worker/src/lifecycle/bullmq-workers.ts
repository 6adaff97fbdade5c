import { MetricsTime, type Worker, type WorkerOptions } from 'bullmq';
import type { WorkerConfig } from '#shared/config/worker-config';
import { createQueueTelemetry } from '#shared/telemetry/create-queue-telemetry';

/** How often a chore may lose its worker, be it a crash or a machine that went away. BullMQ's own default is 1. */
const MAX_LOST_WORKERS = 10;

/**
 * How often a query may be taken, deploys and lost workers included: a bound for what never gets to a run of ours. Those
 * count the workers that a query loses, and tell whether it may have taken them down; BullMQ cannot.
 */
const MAX_STARTS = 100;

/**
 * BullMQ asks for INFO once, and keeps a refusal for as long as its connection lives: its loop then spins without ever
 * coming to the event loop again. Our own checks read the same.
 */
const WITHOUT_CHECK = { skipVersionCheck: true };

/** The reason with which a process that goes away cancels what it is doing. */
const DRAIN = 'drain';

/** One at a time is enough for a chore; a lost worker's is taken over as a query is. */
export function toPurgeWorkerOptions(config: WorkerConfig): Omit<WorkerOptions, 'connection'> {
  const lockDuration = config.lockSeconds * 1_000;
  const lostWorkers = { lockDuration, stalledInterval: lockDuration, maxStalledCount: MAX_LOST_WORKERS };
  // Begun when Redis has all that is needed.
  return { ...WITHOUT_CHECK, ...lostWorkers, autorun: false, concurrency: 1 };
}

/** BullMQ's part of the configuration. The stalled check is shared by all workers: give all the same. */
export function toQueryWorkerOptions(config: WorkerConfig, workerId: string): Omit<WorkerOptions, 'connection'> {
  const lockDuration = config.lockSeconds * 1_000;
  return {
    // Begun when there are secrets to read the table with.
    autorun: false,
    ...WITHOUT_CHECK,
    ...createQueueTelemetry(config),
    // Kept with the jobs that this process takes: who has a query can be told by its job alone.
    name: workerId,
    concurrency: config.queriesPerWorker,
    lockDuration,
    stalledInterval: lockDuration,
    // Without it BullMQ counts nothing that it could export.
    metrics: { maxDataPoints: MetricsTime.ONE_HOUR },
    maxStalledCount: MAX_STARTS,
    maxStartedAttempts: MAX_STARTS,
  };
}

/**
 * Has a process that goes away give back to the queue what it is doing, for others to go on with. Paused first: a worker
 * that is only cancelled takes the same jobs again.
 */
export async function drain(worker: Worker, cancel: (reason: string) => void): Promise<void> {
  await worker.pause(true);
  cancel(DRAIN);
}
