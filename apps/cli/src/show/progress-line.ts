import type { Query } from '../service/query';
import { formatCount, formatDuration, formatNumber } from './format';

const BAR_WIDTH = 24;

/** Below this a bar says nothing that the number does not. */
const SMALLEST_BAR = 8;

/**
 * How far a query is, in one line that fits.
 *
 * @param columns Of the terminal; 0: no bar, and no limit. Details are left out from the right where it is narrow.
 */
export function toProgressLine({ status, progress }: Query, columns: number): string {
  if (status === 'Pending') return fit(['Pending', 'waiting for a worker'], columns);
  const { percent, daysDone, daysTotal, entitiesRead, atLeast, etaSeconds } = progress;
  const number = `${percent.toFixed(1).padStart(5)} %`;
  const details = [
    `${formatNumber(daysDone)} of ${formatCount(daysTotal, 'day')}`,
    formatCount(entitiesRead, 'entity', 'entities'),
    `at least ${formatNumber(atLeast)}`,
    ...(etaSeconds === null ? [] : [`about ${formatDuration(etaSeconds)} left`]),
  ];
  if (columns === 0) return fit([`${status}: ${number.trim()}`, ...details], 0);
  const width = Math.min(BAR_WIDTH, columns - number.length - 2);
  return fit([width < SMALLEST_BAR ? number : `${toBar(percent, width)} ${number}`, ...details], columns);
}

function fit(parts: readonly string[], columns: number): string {
  const separator = columns === 0 ? ', ' : '  ';
  const lines = parts.map((_, i) => parts.slice(0, i + 1).join(separator));
  // A full line would make some terminals wrap.
  return lines.findLast((line) => columns === 0 || line.length < columns) ?? (lines[0] ?? '').slice(0, columns - 1);
}

function toBar(percent: number, width: number): string {
  const filled = Math.floor((Math.min(100, Math.max(0, percent)) / 100) * width);
  return '█'.repeat(filled) + '░'.repeat(width - filled);
}
