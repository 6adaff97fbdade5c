import { hashNumber, hashText, toFraction } from './hash';
import type { Partition, SortedTable, TableRow } from './sorted-table';

/** A generated table. The same description generates the same rows on any machine and in any process. */
export interface GeneratedRows {
  /** One partition each; a key is a day (`2021-10-10`), a day with a suffix, or any other text. */
  readonly partitions: readonly { readonly key: string; readonly entities: number }[];
  /** Number of identifiers from which the rows draw evenly; some may never be drawn. */
  readonly distinctIdentifiers: number;
  /** Share (0 to 1) of rows that have no CertNumber; default 0. */
  readonly withoutCertNumber?: number;
  /** Share of rows whose CertNumber is `''`; default 0. */
  readonly emptyCertNumber?: number;
  /** Share of rows that have no identificationNumber, independent of CertNumber; default 0. */
  readonly withoutIdentifier?: number;
  /** Default 1. */
  readonly seed?: number;
}

const DAY_MS = 86_400_000;

/** `count` partitions of `entities` rows each, for the days from `first` (`YYYY-MM-DD`) on. */
export function generateDays(first: string, count: number, entities: number): { key: string; entities: number }[] {
  return Array.from({ length: count }, (_, i) => ({
    key: new Date(Date.parse(first) + i * DAY_MS).toISOString().slice(0, 10),
    entities,
  }));
}

/** A table whose rows are computed when read: tens of millions of rows use no memory. */
export function toGeneratedTable(rows: GeneratedRows): SortedTable {
  return rows.partitions
    .map(({ key, entities }) => toPartition(rows, key, entities))
    .sort((a, b) => (a.key < b.key ? -1 : 1));
}

function toPartition(rows: GeneratedRows, key: string, size: number): Partition {
  const { distinctIdentifiers, withoutCertNumber = 0, emptyCertNumber = 0, withoutIdentifier = 0, seed = 1 } = rows;
  // From the key alone, so that the rows of a day do not depend on the other days of the table.
  const partitionHash = hashNumber(hashText(key), seed);
  const timestamp = `${key.slice(0, 10)}T12:00:00.0000000Z`;
  const row = (index: number): TableRow => {
    const identifierHash = hashNumber(partitionHash, index);
    const certHash = hashNumber(identifierHash, 1);
    const certDraw = toFraction(certHash);
    const entity: Record<string, string> & TableRow = {
      PartitionKey: key,
      RowKey: toRowKey(index),
      Timestamp: timestamp,
    };
    if (certDraw >= withoutCertNumber) {
      entity['CertNumber'] = certDraw < withoutCertNumber + emptyCertNumber ? '' : `C${certHash}`;
    }
    if (withoutIdentifier === 0 || toFraction(hashNumber(identifierHash, 2)) >= withoutIdentifier) {
      entity['identificationNumber'] = toIdentifier(Math.floor(toFraction(identifierHash) * distinctIdentifiers));
    }
    return entity;
  };
  return { key, size, rowKey: toRowKey, row };
}

/** With nine digits the text order is the numeric order. */
function toRowKey(index: number): string {
  return String(index).padStart(9, '0');
}

/** 9 to 11 characters, unique for each number below 900 million. */
function toIdentifier(number: number): string {
  return `${100_000_000 + number}${['', 'K', 'KX'][number % 3]}`;
}
