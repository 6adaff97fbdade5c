import { join } from 'node:path';
import type { ServiceProcess } from '../../support/service-processes';

/** An option of Node: the process logs every 5 s how many bytes it holds after garbage collection. */
export const LOGGING_HELD_BYTES = `--require ${join(process.cwd(), 'test/faults/harness/preload-held-bytes.cjs')}`;

/** What a process that runs with `LOGGING_HELD_BYTES` has logged so far, in its order. */
export function readHeldBytes(process: ServiceProcess): number[] {
  return [...process.output().matchAll(/^\{"heldBytes":(\d+)\}$/gm)].map(([, bytes]) => Number(bytes));
}
