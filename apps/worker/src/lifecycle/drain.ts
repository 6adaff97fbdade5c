import type { Worker } from 'bullmq';
import { DRAIN } from '../queries/query.processor';

/**
 * Gives the queries that this process runs back to the queue, for other workers to go on with. Paused first: a
 * worker that is only cancelled takes the same jobs again.
 */
export async function drain(worker: Worker): Promise<void> {
  await worker.pause(true);
  worker.cancelAllJobs(DRAIN);
}
