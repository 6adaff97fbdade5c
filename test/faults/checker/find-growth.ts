/** Over what a process has after its warm-up: its heap breathes by about that much. */
const MOST_GROWTH = 1.6;

/** A small process may double without anything being wrong. */
const FREE_BYTES = 120_000_000;

/** Too short a run says nothing. */
const FEWEST_SAMPLES = 8;

/**
 * I8: memory does not grow without end. Compares the least of the last quarter with the least of the second, so that
 * neither the warm-up nor what waits for the collector counts.
 *
 * @param samples Resident bytes of one process over time.
 */
export function findGrowth(name: string, samples: readonly number[]): string[] {
  if (samples.length < FEWEST_SAMPLES) return [];
  const quarter = Math.floor(samples.length / 4);
  const early = Math.min(...samples.slice(quarter, 2 * quarter));
  const late = Math.min(...samples.slice(-quarter));
  if (late <= Math.max(early * MOST_GROWTH, FREE_BYTES)) return [];
  return [`I8: ${name} grew from ${Math.round(early / 1e6)} MB to ${Math.round(late / 1e6)} MB`];
}
