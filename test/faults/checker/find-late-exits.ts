import type { History } from '../harness/history';

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
