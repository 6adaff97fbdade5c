import type { Check } from '../report';
import { show, summarize } from '../summary';

/** What every case over HTTP is given. */
export interface HttpBench {
  rounds: number;
  /** How long each contestant is under load in each round. */
  seconds: number;
  /** A Redis that is ours alone: it is emptied in between. */
  redisUrl: string;
}

/** The days that every contestant is asked for. */
export const REQUEST = { start: '2021-10-10', end: '2021-12-10', maxAgeSeconds: 0 };

/** How many requests are under way at any time. */
export const CONNECTIONS = 50;

interface RoundComparison {
  case: number;
  what: string;
  unit: string;
  /** One value of each round, in the order of the rounds. */
  ours: readonly number[];
  peer: readonly number[];
  /** Of how many times the peer's figure ours is. */
  target: { atLeast: number } | { below: number } | undefined;
}

/** The median of the quotients of the rounds: whatever slows this machine down for a while slows both down. */
export function compareRounds({ unit, ours, peer, target, ...rest }: RoundComparison): Check {
  const quotient = summarize(ours.map((value, round) => value / (peer[round] ?? NaN)));
  const [met, bound] = judge(quotient.median, target);
  const [oursShown, peerShown] = [show(summarize(ours), unit), show(summarize(peer), unit)];
  return { ...rest, ours: oursShown, peer: peerShown, result: show(quotient, 'times'), target: bound, met };
}

function judge(result: number, target: RoundComparison['target']): [met: boolean | undefined, bound: string] {
  if (target === undefined) return [undefined, 'none'];
  if ('atLeast' in target) return [result >= target.atLeast, `at least ${target.atLeast}`];
  return [result < target.below, `below ${target.below}`];
}
