import { toGeneratedTable } from './generated-table';
import type { TableRow } from './sorted-table';

/** A query and its expected rows, selected by comparisons in TypeScript. */
export interface ReadingCase {
  readonly name: string;
  readonly filter?: string;
  readonly select?: string[];
  /** Default 1,000. */
  readonly maxPageSize?: number;
  readonly matches: (row: TableRow) => boolean;
  /** The least number of rows, so that two empty answers do not pass. */
  readonly atLeast: number;
}

/** Keys that begin with a day, and keys of no day between two days. */
const EDGE_KEYS = [
  '2021-11',
  '2021-11-30',
  '2021-11-30x',
  '2021-11-31',
  '2021-11-9',
  '2021-11-summary',
  '2021-12',
  '2021-12-0',
  '2021-12-08\uffff',
  '2021-12-09',
  "2021-12-09'",
  "2021-12-09' or PartitionKey ge '",
  '2021-12-09-b',
  '2021-12-09A',
  '2021-12-09a',
  // Last by code points; by UTF-16 code units the surrogates sort before \uffff.
  '2021-12-09\u{1f600}',
  '2021-12-09\uffff',
  '2021-12-0:',
  '2021-12-0\u{1f600}',
  '2021-12-1',
  '2021-12-1-b',
  '2021-12-10',
];

/** Some 2,500 rows: a day of more than two pages, a partition key with a suffix, properties missing and empty, odd keys. */
export const READING_ROWS: readonly TableRow[] = [
  ...toGeneratedTable({
    partitions: [
      { key: '2021-10-09', entities: 20 },
      { key: '2021-10-10', entities: 2_200 },
      { key: '2021-10-10-b', entities: 60 },
      { key: '2021-10-11', entities: 150 },
      { key: '2021-10-12', entities: 30 },
    ],
    distinctIdentifiers: 400,
    withoutCertNumber: 0.1,
    emptyCertNumber: 0.1,
    withoutIdentifier: 0.05,
  }).flatMap((partition) => Array.from({ length: partition.size }, (_, i) => partition.row(i))),
  { PartitionKey: '2021-10-11', RowKey: "o'clock & co", CertNumber: "it's", identificationNumber: 'ŠÕ-1' },
  { PartitionKey: '2021-10-11', RowKey: 'Zebra', CertNumber: 'C', identificationNumber: 42 },
  { PartitionKey: '2021-10-11', RowKey: 'apple', CertNumber: 'c', identificationNumber: 'k', valid: true },
  ...EDGE_KEYS.map((key) => ({ PartitionKey: key, RowKey: '1', CertNumber: 'C', identificationNumber: key })),
];

const DAY = "PartitionKey ge '2021-10-10' and PartitionKey lt '2021-10-11'";
const isOfDay = (row: TableRow): boolean => row.PartitionKey.startsWith('2021-10-10');
const isEmpty = (row: TableRow): boolean => row['CertNumber'] === '';
const isFilled = (row: TableRow): boolean => row['CertNumber'] !== undefined && row['CertNumber'] !== '';

/** Days next to keys of no day: the end of their keys, and the number of their rows. */
const EDGE_DAYS: readonly [day: string, to: string, rows: number][] = [
  ['2021-11-29', '2021-11-2:', 0],
  ['2021-11-30', '2021-11-31', 2],
  ['2021-12-01', '2021-12-02', 0],
  ['2021-12-08', '2021-12-09', 1],
  ['2021-12-09', '2021-12-0:', 8],
  ['2021-12-10', '2021-12-11', 1],
];

export const READING_CASES: readonly ReadingCase[] = [
  { name: 'everything', matches: () => true, atLeast: 2_463 },
  { name: 'a day with its suffixed partition', filter: DAY, matches: isOfDay, atLeast: 2_260 },
  { name: 'a day in pages of 300', filter: DAY, maxPageSize: 300, matches: isOfDay, atLeast: 2_260 },
  ...EDGE_DAYS.map(([day, to, atLeast]) => ({
    name: `the keys that begin with ${day}`,
    filter: `PartitionKey ge '${day}' and PartitionKey lt '${to}'`,
    matches: (row: TableRow) => row.PartitionKey.startsWith(day),
    atLeast,
  })),
  {
    name: 'what lies between two days',
    filter: "PartitionKey ge '2021-12-0:' and PartitionKey lt '2021-12-10'",
    matches: (row) => ['2021-12-0:', '2021-12-0\u{1f600}', '2021-12-1', '2021-12-1-b'].includes(row.PartitionKey),
    atLeast: 4,
  },
  {
    name: 'a day that fills its page',
    filter: "PartitionKey eq '2021-10-09'",
    maxPageSize: 20,
    matches: (row) => row.PartitionKey === '2021-10-09',
    atLeast: 20,
  },
  {
    name: 'two days, both inclusive',
    filter: "PartitionKey ge '2021-10-11' and PartitionKey le '2021-10-12'",
    matches: (row) => ['2021-10-11', '2021-10-12'].includes(row.PartitionKey),
    atLeast: 183,
  },
  {
    name: 'a suffixed partition alone',
    filter: "PartitionKey eq '2021-10-10-b'",
    matches: (row) => row.PartitionKey === '2021-10-10-b',
    atLeast: 60,
  },
  {
    name: 'all after a partition',
    filter: "PartitionKey gt '2021-10-10'",
    matches: (row) => row.PartitionKey > '2021-10-10',
    atLeast: 243,
  },
  {
    name: 'all before a partition',
    filter: "PartitionKey lt '2021-10-10-b'",
    matches: (row) => row.PartitionKey < '2021-10-10-b',
    atLeast: 2_220,
  },
  {
    name: 'all but a partition',
    filter: "PartitionKey ne '2021-10-10'",
    matches: (row) => row.PartitionKey !== '2021-10-10',
    atLeast: 263,
  },
  {
    name: 'a day without rows',
    filter: "PartitionKey ge '2022-01-01' and PartitionKey lt '2022-01-02'",
    matches: () => false,
    atLeast: 0,
  },
  {
    name: 'a range that is upside down',
    filter: "PartitionKey ge '2021-10-12' and PartitionKey lt '2021-10-10'",
    matches: () => false,
    atLeast: 0,
  },
  {
    name: 'the query of the product',
    filter: `${DAY} and CertNumber ne ''`,
    select: ['identificationNumber'],
    matches: (row) => isOfDay(row) && isFilled(row),
    atLeast: 1_700,
  },
  { name: 'not equal to empty', filter: "CertNumber ne ''", matches: isFilled, atLeast: 1_800 },
  {
    name: 'the negation of equal to empty',
    filter: "not (CertNumber eq '')",
    matches: (row) => !isEmpty(row),
    atLeast: 2_000,
  },
  {
    name: 'a negation without parentheses',
    filter: `${DAY} and not CertNumber eq ''`,
    matches: (row) => isOfDay(row) && !isEmpty(row),
    atLeast: 1_900,
  },
  { name: 'equal to empty', filter: "CertNumber eq ''", matches: isEmpty, atLeast: 150 },
  {
    name: 'greater than or equal to empty',
    filter: "CertNumber ge ''",
    matches: (row) => row['CertNumber'] !== undefined,
    atLeast: 2_000,
  },
  {
    name: 'or inside parentheses',
    filter: "(PartitionKey eq '2021-10-09' or PartitionKey eq '2021-10-11') and CertNumber ne ''",
    matches: (row) => ['2021-10-09', '2021-10-11'].includes(row.PartitionKey) && isFilled(row),
    atLeast: 100,
  },
  {
    name: 'and before or',
    filter: "PartitionKey eq '2021-10-09' or PartitionKey eq '2021-10-11' and CertNumber eq ''",
    matches: (row) => row.PartitionKey === '2021-10-09' || (row.PartitionKey === '2021-10-11' && isEmpty(row)),
    atLeast: 22,
  },
  {
    name: 'a range of row keys in a partition',
    filter: "PartitionKey eq '2021-10-10' and RowKey ge '000001000' and RowKey lt '000001100'",
    matches: (row) => row.PartitionKey === '2021-10-10' && row.RowKey >= '000001000' && row.RowKey < '000001100',
    atLeast: 100,
  },
  {
    name: 'a range of row keys in every partition',
    filter: "RowKey gt '000000010' and RowKey le '000000020'",
    matches: (row) => row.RowKey > '000000010' && row.RowKey <= '000000020',
    atLeast: 49,
  },
  {
    name: 'small letters after capitals',
    filter: "PartitionKey eq '2021-10-11' and RowKey ge 'a'",
    matches: (row) => ['apple', "o'clock & co"].includes(row.RowKey),
    atLeast: 2,
  },
  {
    name: 'a quote in a value',
    filter: "CertNumber eq 'it''s'",
    matches: (row) => row['CertNumber'] === "it's",
    atLeast: 1,
  },
  {
    name: 'an ampersand in a value',
    filter: "RowKey eq 'o''clock & co'",
    matches: (row) => row.RowKey === "o'clock & co",
    atLeast: 1,
  },
  { name: 'a case that matters', filter: "CertNumber eq 'c'", matches: (row) => row.RowKey === 'apple', atLeast: 1 },
  { name: 'a number', filter: 'identificationNumber eq 42', matches: (row) => row.RowKey === 'Zebra', atLeast: 1 },
  { name: 'a boolean', filter: 'valid eq true', matches: (row) => row.RowKey === 'apple', atLeast: 1 },
  { name: 'a property that no row has', filter: "nobody ne 'x'", matches: () => false, atLeast: 0 },
  {
    name: 'two properties of a day',
    filter: DAY,
    select: ['CertNumber', 'identificationNumber'],
    matches: isOfDay,
    atLeast: 2_260,
  },
  {
    name: 'the keys alone',
    filter: "PartitionKey eq '2021-10-12'",
    select: ['PartitionKey', 'RowKey'],
    matches: (row) => row.PartitionKey === '2021-10-12',
    atLeast: 30,
  },
];
