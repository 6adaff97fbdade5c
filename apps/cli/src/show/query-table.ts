import type { Query } from '../service/query';
import { formatNumber } from './format';
import { toRange } from './query-text';

const HEADINGS = ['ID', 'STATUS', 'RANGE', 'DONE', 'COUNT', 'SUBMITTED'];

/** One line a query, in columns, for people and for `awk` (no cell but the range's has blanks). */
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
