import type { History } from '../harness/history';

/** By how much the memory of a process may grow; a heap varies by about that much. */
interface GrowthLimits {
  times: number;
  /** Growth up to this size is no violation: a small process may double. */
  freeBytes: number;
}

const LIMITS: GrowthLimits = { times: 1.6, freeBytes: 120_000_000 };

/** Fewer samples decide nothing. */
const FEWEST_SAMPLES = 8;

/**
 * I8: memory does not grow. Compares the minimum of the last quarter with that of the second quarter, which excludes the
 * warm-up and garbage that is not collected yet.
 *
 * @param samples Bytes of one process over time.
 * @param limits For a process that lives during the whole run; too few samples are then a violation.
 */
export function findGrowth(name: string, samples: readonly number[], limits?: GrowthLimits): string[] {
  if (samples.length < FEWEST_SAMPLES) return limits ? [`I8: ${name} has only ${samples.length} samples`] : [];
  const { times, freeBytes } = limits ?? LIMITS;
  const quarter = Math.floor(samples.length / 4);
  const early = Math.min(...samples.slice(quarter, 2 * quarter));
  const late = Math.min(...samples.slice(-quarter));
  if (late <= Math.max(early * times, freeBytes)) return [];
  return [`I8: ${name} grew from ${Math.round(early / 1e6)} MB to ${Math.round(late / 1e6)} MB`];
}

/** A busy machine notices an exit late. */
const SLACK_MS = 1_500;

/**
 * I9: a process exits only after a signal, with 0 and within its grace period. The grace period may run out only while
 * Redis is unreachable.
 */
export function findLateExits({ ends, blindnesses }: History, graceMs: number): string[] {
  return ends.flatMap(({ name, code, tookMs, at, isForced, lastOutput }) => {
    if (lastOutput !== undefined)
      return [`I9: the ${name} ended without a signal, with ${code}; its last output:\n${lastOutput}`];
    const isBlind = blindnesses.some(({ from, to }) => from <= at && to >= at - tookMs);
    return [
      ...(code === 0 ? [] : [`I9: the ${name} ended with ${code}`]),
      ...(tookMs <= graceMs + SLACK_MS ? [] : [`I9: the ${name} took ${Math.round(tookMs)} ms to end`]),
      ...(isForced && !isBlind ? [`I9: the ${name} did not end within its grace period`] : []),
    ];
  });
}
