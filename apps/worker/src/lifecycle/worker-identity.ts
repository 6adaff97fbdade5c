import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import type { WorkerBeat } from '#shared/contract/worker-beat';
import { readVersion } from '#shared/lifecycle/read-version';

/** Who this process is among the workers: another one after each start. */
export function createWorkerIdentity(): Omit<WorkerBeat, 'queries'> {
  return {
    id: randomBytes(8).toString('hex'),
    host: hostname(),
    pid: process.pid,
    startedAt: Date.now(),
    version: readVersion(),
  };
}
