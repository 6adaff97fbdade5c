import { round, show, type Summary } from './summary';

/** One thing that was compared with its target. */
export interface Check {
  /** The number of its case. */
  case: number;
  what: string;
  /** What was measured, in words; `peer` is what it is compared with. */
  ours: string;
  peer: string;
  result: string;
  /** None where the peer is only a bound, to read the others by. */
  target: string;
  met: boolean | undefined;
}

interface Comparison {
  case: number;
  what: string;
  unit: string;
  ours: Summary;
  peer: Summary;
  /** Of the result, which is a quotient of medians. */
  target: { atLeast: number } | { atMost: number };
  /** Default: how many times the peer's figure ours is. */
  quotient?: 'peer by ours' | 'ours by peer';
}

/** The quotient of two medians as a check. */
export function compare({ unit, ours, peer, target, quotient = 'ours by peer', ...rest }: Comparison): Check {
  const result = quotient === 'ours by peer' ? ours.median / peer.median : peer.median / ours.median;
  const met = 'atLeast' in target ? result >= target.atLeast : result <= target.atMost;
  const bound = 'atLeast' in target ? `at least ${target.atLeast}` : `at most ${target.atMost}`;
  return { ...rest, ours: show(ours, unit), peer: show(peer, unit), result: round(result), target: bound, met };
}

export function printCheck({ what, ours, peer, result, target, met }: Check): void {
  const verdict = met === undefined ? '      ' : met ? 'met   ' : 'MISSED';
  console.log(`   ${verdict} ${what}: ${result} (${target}); ours ${ours}; beside it ${peer}`);
}

/** All checks as a table for docs/figures.md. */
export function toMarkdown(checks: readonly Check[]): string {
  const rows = checks.map((check) => [
    String(check.case),
    check.what,
    check.ours,
    check.peer,
    check.result,
    check.target,
    check.met === undefined ? '' : check.met ? 'yes' : '**no**',
  ]);
  const head = ['#', 'case', 'ours', 'beside it', 'result', 'target', 'met'];
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}
