import type { WorkerOptions } from 'bullmq';
import type { WorkerConfig } from '#shared/config/worker-config';

/** How often a query may lose its worker, be it a crash or a machine that went away. BullMQ's own default is 1. */
const MAX_LOST_WORKERS = 10;

/** A bound for a query that takes its worker down each time, deploys included. */
const MAX_STARTS = 100;

/** BullMQ's part of the configuration. The stalled check is shared by all workers: give all the same. */
export function toWorkerOptions(config: WorkerConfig): Omit<WorkerOptions, 'connection'> {
  const lockDuration = config.lockSeconds * 1_000;
  return {
    // Begun when there are secrets to read the table with.
    autorun: false,
    concurrency: config.queriesPerWorker,
    lockDuration,
    stalledInterval: lockDuration,
    maxStalledCount: MAX_LOST_WORKERS,
    maxStartedAttempts: MAX_STARTS,
  };
}
