/** How much more a process may have in the end; its heap breathes by about that much. */
interface GrowthLimits {
  times: number;
  /** A small process may double without anything being wrong. */
  freeBytes: number;
}

const LIMITS: GrowthLimits = { times: 1.6, freeBytes: 120_000_000 };

/** Too short a run says nothing. */
const FEWEST_SAMPLES = 8;

/**
 * I8: memory does not grow without end. Compares the least of the last quarter with the least of the second, so that
 * neither the warm-up nor what waits for the collector counts.
 *
 * @param samples Bytes of one process over time.
 * @param limits Of one that lives for as long as the run, which has to have been long enough for it.
 */
export function findGrowth(name: string, samples: readonly number[], limits?: GrowthLimits): string[] {
  if (samples.length < FEWEST_SAMPLES) return limits ? [`I8: ${name} was looked at ${samples.length} times only`] : [];
  const { times, freeBytes } = limits ?? LIMITS;
  const quarter = Math.floor(samples.length / 4);
  const early = Math.min(...samples.slice(quarter, 2 * quarter));
  const late = Math.min(...samples.slice(-quarter));
  if (late <= Math.max(early * times, freeBytes)) return [];
  return [`I8: ${name} grew from ${Math.round(early / 1e6)} MB to ${Math.round(late / 1e6)} MB`];
}
