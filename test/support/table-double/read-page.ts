import type { PagePosition } from './continuation-token';
import type { RowPredicate } from './filter-predicate';
import type { KeyRange } from './key-range';
import { findPartition, findRow, type Partition, type SortedTable, type TableRow } from './sorted-table';

export interface PageRequest {
  readonly matches: RowPredicate;
  readonly range: KeyRange;
  /** Where the page begins; absent: at the beginning of the range. */
  readonly position?: PagePosition;
  readonly maxRows: number;
  /** Whether the page ends where a partition ends, as the service may do. */
  readonly stopAtPartitionEnd: boolean;
}

export interface Page {
  /** The number of rows by partition. */
  readonly rowsPerPartition: ReadonlyMap<string, number>;
  readonly rowCount: number;
  /** Where the next page begins; absent at the end of the range. The rest need not contain a match. */
  readonly next?: PagePosition;
}

export interface PageOfRows extends Page {
  readonly rows: readonly TableRow[];
}

/** The most rows that one page scans. Then the page ends early, since the service limits a request to 5 s. */
const MAX_ROWS_EXAMINED = 100_000;

export function readPage(table: SortedTable, request: PageRequest): PageOfRows {
  const { range, position, maxRows } = request;
  const rows: TableRow[] = [];
  const rowsPerPartition = new Map<string, number>();
  let examined = 0;
  const finish = (next?: PagePosition): PageOfRows => {
    return { rows, rowsPerPartition, rowCount: rows.length, ...(next && { next }) };
  };

  const firstKey = position && position.partitionKey > range.partitionKeys.from ? position.partitionKey : undefined;
  for (let p = findPartition(table, firstKey ?? range.partitionKeys.from); ; p++) {
    const partition = table[p];
    if (!isWithin(partition, range)) return finish();

    const resumesHere = position?.partitionKey === partition.key && position.rowKey !== undefined;
    const start = findRow(partition, resumesHere ? later(position.rowKey, range.rowKeys.from) : range.rowKeys.from);
    const end = range.rowKeys.to === undefined ? partition.size : findRow(partition, range.rowKeys.to);
    const rowsBefore = rows.length;
    let i = start;
    for (; i < end && rows.length < maxRows && examined < MAX_ROWS_EXAMINED; i++, examined++) {
      const row = partition.row(i);
      if (request.matches(row)) rows.push(row);
    }
    if (rows.length > rowsBefore) rowsPerPartition.set(partition.key, rows.length - rowsBefore);

    if (i < end) return finish({ partitionKey: partition.key, rowKey: partition.rowKey(i) });
    const following = table[p + 1];
    if (request.stopAtPartitionEnd && isWithin(following, range)) {
      return finish({ partitionKey: following.key });
    }
  }
}

function isWithin(partition: Partition | undefined, { partitionKeys }: KeyRange): partition is Partition {
  return partition !== undefined && (partitionKeys.to === undefined || partition.key < partitionKeys.to);
}

function later(a: string | undefined, b: string): string {
  return a !== undefined && a > b ? a : b;
}
