import type { Query } from '../service/query';

/** @returns Such as `1,234,567`. */
function formatNumber(value: number): string {
  return value.toLocaleString('en-US');
}

/** @returns Such as `1 h 2 min`, `3 min 5 s`, `12 s`. */
export function formatDuration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min ${whole % 60} s`;
  return `${formatNumber(Math.floor(minutes / 60))} h ${minutes % 60} min`;
}

/** @returns Such as `1 day`, `2 days`. */
function formatCount(count: number, noun: string, plural = `${noun}s`): string {
  return `${formatNumber(count)} ${count === 1 ? noun : plural}`;
}

const BAR_WIDTH = 24;

/** A shorter bar shows no more than the percentage. */
const SMALLEST_BAR = 8;

/**
 * The progress of a query in one line. Omits details from the right until the line fits.
 *
 * @param columns The width of the terminal; 0: no bar and no limit.
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
  // Some terminals wrap a line that fills their width.
  return lines.findLast((line) => columns === 0 || line.length < columns) ?? (lines[0] ?? '').slice(0, columns - 1);
}

function toBar(percent: number, width: number): string {
  const filled = Math.floor((Math.min(100, Math.max(0, percent)) / 100) * width);
  return '█'.repeat(filled) + '░'.repeat(width - filled);
}

/** The status of a query in several lines. */
export function toQueryText(query: Query): string {
  const { id, status, request, createdAt, finishedAt, expiresAt, result, error } = query;
  const rows: [string, string | null | undefined][] = [
    ['Query', id],
    ['Range', toRange(query)],
    ['Reuse', request.maxAgeSeconds > 0 ? `days read in the last ${formatDuration(request.maxAgeSeconds)}` : undefined],
    ['Status', status],
    ['Progress', result === null ? toProgressLine(query, 0).replace(/^\w+[:,] /, '') : undefined],
    ['Count', result && formatNumber(result.count)],
    ['Read', result && toSummary(query)],
    ['Reason', error && `${error.code}: ${error.message}`],
    ['Submitted', createdAt],
    ['Ended', finishedAt],
    ['Kept until', expiresAt],
  ];
  const shown = rows.filter(([, value]) => typeof value === 'string');
  return shown.map(([name, value]) => `${name.padEnd(11)}${value}\n`).join('');
}

export function toRange({ request: { start, end } }: Query): string {
  return start === end ? start : `${start} to ${end}`;
}

/** What a completed query read; empty for other queries. */
export function toSummary({ result, startedAt, finishedAt }: Query): string {
  if (result === null) return '';
  const { daysScanned, daysReused, entitiesRead, entitiesWithoutIdentifier } = result;
  const seconds = startedAt && finishedAt ? (Date.parse(finishedAt) - Date.parse(startedAt)) / 1_000 : undefined;
  return [
    `${formatCount(daysScanned, 'day')} read`,
    ...(daysReused > 0 ? [`${formatNumber(daysReused)} reused`] : []),
    formatCount(entitiesRead, 'entity', 'entities'),
    ...(entitiesWithoutIdentifier > 0
      ? [`${formatNumber(entitiesWithoutIdentifier)} of them without an identification number`]
      : []),
    ...(seconds === undefined ? [] : [`in ${formatDuration(seconds)}`]),
  ].join(', ');
}

const HEADINGS = ['ID', 'STATUS', 'RANGE', 'DONE', 'COUNT', 'SUBMITTED'];

/** One line per query in columns. Only the cells of the range contain blanks, for `awk`. */
export function toQueryTable(queries: readonly Query[]): string {
  const rows = [HEADINGS, ...queries.map(toCells)];
  const widths = HEADINGS.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const toLine = (row: string[]) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd();
  return rows.map((row) => `${toLine(row)}\n`).join('');
}

function toCells(query: Query): string[] {
  const { id, status, progress, result, createdAt } = query;
  const submittedAt = createdAt === null ? '-' : createdAt.replace(/\.\d+Z$/, 'Z');
  return [
    ...[id, status, toRange(query), `${progress.percent.toFixed(0)}%`],
    ...[result === null ? '-' : formatNumber(result.count), submittedAt],
  ];
}
