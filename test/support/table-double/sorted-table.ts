/** An entity as the service stores it; a missing property is absent, never null. */
export interface TableRow {
  readonly PartitionKey: string;
  readonly RowKey: string;
  readonly [property: string]: string | number | boolean;
}

/** The rows of one partition by their index in the order of RowKey; rows may be computed on access. */
export interface Partition {
  readonly key: string;
  readonly size: number;
  rowKey(index: number): string;
  row(index: number): TableRow;
}

/** A table's partitions in the order of their keys. */
export type SortedTable = readonly Partition[];

/** The Timestamp of every row: a constant, so that pages are the same in every run. */
const TIMESTAMP = '2022-01-01T00:00:00.0000000Z';

/** Sorts the given rows as the service does. Throws on two rows with the same keys. */
export function toSortedTable(rows: readonly TableRow[]): SortedTable {
  const byPartition = new Map<string, TableRow[]>();
  for (const row of rows) {
    const stored = { Timestamp: TIMESTAMP, ...row };
    const partition = byPartition.get(row.PartitionKey);
    if (partition) partition.push(stored);
    else byPartition.set(row.PartitionKey, [stored]);
  }
  return [...byPartition.values()].map(toPartition).sort((a, b) => compareKeys(a.key, b.key));
}

function toPartition(rows: TableRow[]): Partition {
  rows.sort((a, b) => compareKeys(a.RowKey, b.RowKey));
  const at = (index: number): TableRow => {
    const row = rows[index];
    if (!row) throw new RangeError(`no row ${index} in a partition of ${rows.length}`);
    return row;
  };
  const twin = rows.findIndex((row, i) => row.RowKey === rows[i + 1]?.RowKey);
  if (twin >= 0) throw new Error(`two rows have the keys ${at(twin).PartitionKey} / ${at(twin).RowKey}`);
  return { key: at(0).PartitionKey, size: rows.length, rowKey: (index) => at(index).RowKey, row: at };
}

/** The index of the first partition at or after `key`; the number of partitions if there is none. */
export function findPartition(table: SortedTable, key: string): number {
  return findFirst(table.length, (i) => (table[i]?.key ?? '') >= key);
}

/** The index of the first row at or after `rowKey`; the partition's size if there is none. */
export function findRow(partition: Partition, rowKey: string): number {
  return rowKey === '' ? 0 : findFirst(partition.size, (i) => partition.rowKey(i) >= rowKey);
}

/** Binary search: the first index below `length` for which `holds` is true, else `length`. */
function findFirst(length: number, holds: (index: number) => boolean): number {
  let [low, high] = [0, length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (holds(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}

// Not localeCompare: the service compares ordinally.
function compareKeys(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
