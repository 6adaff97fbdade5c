import { existsSync } from 'node:fs';

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
