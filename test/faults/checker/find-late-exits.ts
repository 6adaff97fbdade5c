import type { ProcessEnd } from '../harness/history';

/** For a busy machine to notice that a process has ended. */
const SLACK_MS = 1_500;

/** I9: every process that is told to go does so in good order and within its grace period, and no other goes at all. */
export function findLateExits(ends: readonly ProcessEnd[], graceMs: number): string[] {
  return ends.flatMap(({ name, code, tookMs, lastWords }) => {
    if (lastWords !== undefined) return [`I9: the ${name} ended by itself with ${code}; its last words:\n${lastWords}`];
    return [
      ...(code === 0 ? [] : [`I9: the ${name} ended with ${code}`]),
      ...(tookMs <= graceMs + SLACK_MS ? [] : [`I9: the ${name} took ${Math.round(tookMs)} ms to go`]),
    ];
  });
}
