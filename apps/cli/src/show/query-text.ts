import type { Query } from '../service/query';
import { formatCount, formatDuration, formatNumber } from './format';
import { toProgressLine } from './progress-line';

/** How a query is, for people, in several lines. */
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

/** What is behind the count of a completed query; empty for others. */
export function toSummary({ result, startedAt, finishedAt }: Query): string {
  if (result === null) return '';
  const { daysScanned, daysReused, entitiesRead, entitiesWithoutIdentifier } = result;
  const seconds = startedAt && finishedAt ? (Date.parse(finishedAt) - Date.parse(startedAt)) / 1_000 : undefined;
  return [
    `${formatCount(daysScanned, 'day')} read`,
    ...(daysReused > 0 ? [`${formatNumber(daysReused)} reused`] : []),
    formatCount(entitiesRead, 'entity', 'entities'),
    ...(entitiesWithoutIdentifier > 0 ? [`${formatNumber(entitiesWithoutIdentifier)} of them nobody’s`] : []),
    ...(seconds === undefined ? [] : [`in ${formatDuration(seconds)}`]),
  ].join(', ');
}
