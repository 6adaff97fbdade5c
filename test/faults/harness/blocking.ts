import { join } from 'node:path';

/** What has a process block its event loop for so long whenever it gets SIGUSR2. */
export function blockingFor(ms: number): Record<string, string> {
  const preload = join(process.cwd(), 'test/faults/harness/preload-blocking.cjs');
  return { NODE_OPTIONS: `--require ${preload}`, BLOCK_MS: String(ms) };
}
