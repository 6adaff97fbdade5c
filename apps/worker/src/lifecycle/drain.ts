import type { Worker } from 'bullmq';

/** The reason with which a process that goes away cancels what it is doing. */
const DRAIN = 'drain';

/**
 * Has a process that goes away give back to the queue what it is doing, for others to go on with. Paused first: a worker
 * that is only cancelled takes the same jobs again.
 */
export async function drain(worker: Worker, cancel: (reason: string) => void): Promise<void> {
  await worker.pause(true);
  cancel(DRAIN);
}
