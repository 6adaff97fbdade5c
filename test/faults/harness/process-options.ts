import { join } from 'node:path';
import type { ServiceProcess } from '../../support/service-processes';
import { existsSync } from 'node:fs';

/** What has a process block its event loop for so long whenever it gets SIGUSR2. */
export function blockingFor(ms: number): Record<string, string> {
  const preload = join(process.cwd(), 'test/faults/harness/preload-blocking.cjs');
  return { NODE_OPTIONS: `--require ${preload}`, BLOCK_MS: String(ms) };
}

/** An option of Node: the process logs every 5 s how many bytes it holds after garbage collection. */
export const LOGGING_HELD_BYTES = `--require ${join(process.cwd(), 'test/faults/harness/preload-held-bytes.cjs')}`;

/** What a process that runs with `LOGGING_HELD_BYTES` has logged so far, in its order. */
export function readHeldBytes(process: ServiceProcess): number[] {
  return [...process.output().matchAll(/^\{"heldBytes":(\d+)\}$/gm)].map(([, bytes]) => Number(bytes));
}

const LIBRARY = '/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1';

/** Whether a process can be given another time of day here: with libfaketime, from the package faketime. */
export const canSkewClocks = existsSync(LIBRARY);

/**
 * What gives a process another time of day, while what is measured passes as it does.
 *
 * @param offset Such as `+2h`.
 */
export function skewed(offset: string): Record<string, string> {
  return { LD_PRELOAD: LIBRARY, FAKETIME: offset, FAKETIME_DONT_FAKE_MONOTONIC: '1', DONT_FAKE_MONOTONIC: '1' };
}
