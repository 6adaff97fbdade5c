import type { History } from '../harness/history';

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

/** For a busy machine to notice that a process has ended. */
const SLACK_MS = 1_500;

/**
 * I9: every process that is told to go does so in good order and within its grace period, and no other goes at all. Only
 * while Redis is away may it be its grace period that ends it.
 */
export function findLateExits({ ends, blindnesses }: History, graceMs: number): string[] {
  return ends.flatMap(({ name, code, tookMs, at, isForced, lastWords }) => {
    if (lastWords !== undefined) return [`I9: the ${name} ended by itself with ${code}; its last words:\n${lastWords}`];
    const isBlind = blindnesses.some(({ from, to }) => from <= at && to >= at - tookMs);
    return [
      ...(code === 0 ? [] : [`I9: the ${name} ended with ${code}`]),
      ...(tookMs <= graceMs + SLACK_MS ? [] : [`I9: the ${name} took ${Math.round(tookMs)} ms to go`]),
      ...(isForced && !isBlind ? [`I9: the ${name} went because its grace period was over`] : []),
    ];
  });
}
