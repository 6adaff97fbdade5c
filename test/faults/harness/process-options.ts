import { join } from 'node:path';
import type { ServiceProcess } from '../../support/service-processes';
import { existsSync } from 'node:fs';

/** Environment of a process that blocks its event loop for `ms` at each SIGUSR2. */
export function blockingFor(ms: number): Record<string, string> {
  const preload = join(process.cwd(), 'test/faults/harness/preload-blocking.cjs');
  return { NODE_OPTIONS: `--require ${preload}`, BLOCK_MS: String(ms) };
}

/** An option of Node: the process logs its heap after garbage collection in bytes, every 5 s. */
export const LOGGING_HELD_BYTES = `--require ${join(process.cwd(), 'test/faults/harness/preload-held-bytes.cjs')}`;

/** The values that a process with `LOGGING_HELD_BYTES` has logged so far. */
export function readHeldBytes(process: ServiceProcess): number[] {
  return [...process.output().matchAll(/^\{"heldBytes":(\d+)\}$/gm)].map(([, bytes]) => Number(bytes));
}

const LIBRARY = '/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1';

/** Whether libfaketime (package faketime) is installed. */
export const canSkewClocks = existsSync(LIBRARY);

/**
 * Environment of a process with another time of day; its monotonic clock is unchanged.
 *
 * @param offset Such as `+2h`.
 */
export function skewed(offset: string): Record<string, string> {
  return { LD_PRELOAD: LIBRARY, FAKETIME: offset, FAKETIME_DONT_FAKE_MONOTONIC: '1', DONT_FAKE_MONOTONIC: '1' };
}
