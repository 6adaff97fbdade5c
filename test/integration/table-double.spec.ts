import { TableClient, type TableEntity, type TransactionAction } from '@azure/data-tables';
import fc from 'fast-check';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import ts from 'typescript';
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { FaultRule } from '../support/table-double/fault-rules';
import { parseFilter } from '../support/table-double/filter-expression';
import { toPredicate } from '../support/table-double/filter-predicate';
import { generateDays, toGeneratedTable, type GeneratedRows } from '../support/table-double/generated-table';
import { DEVELOPMENT_ACCOUNT, DEVELOPMENT_KEY } from '../support/table-double/shared-key';
import type { SortedTable, TableRow } from '../support/table-double/sorted-table';
import { DOCUMENTED_RATE_LIMITS } from '../support/table-double/entity-rate';
import { startTableDouble, toConnectionString, type TableDouble } from '../support/table-double/start-table-double';
import { startTableDoubleProcess } from '../support/table-double/start-table-double-process';
import type { TableDoubleOptions } from '../support/table-double/table-double-options';

const WRONG_KEY = Buffer.from('not the key').toString('base64');

function connect(connectionString: string, table = 'audit'): TableClient {
  return TableClient.fromConnectionString(connectionString, table, {
    allowInsecureConnection: true,
    retryOptions: { maxRetries: 0 },
  });
}

interface Reading {
  readonly filter?: string;
  readonly select?: string[];
  readonly maxPageSize?: number;
}

/** All pages of a reading, as the SDK gives them. */
async function readPages(client: TableClient, { filter, select, maxPageSize }: Reading = {}): Promise<TableEntity[][]> {
  const queryOptions = { ...(filter !== undefined && { filter }), ...(select && { select }) };
  const pages: TableEntity[][] = [];
  for await (const page of client.listEntities({ queryOptions }).byPage(maxPageSize ? { maxPageSize } : {})) {
    pages.push([...page]);
  }
  return pages;
}

function allRows(table: SortedTable): TableRow[] {
  return table.flatMap((partition) => Array.from({ length: partition.size }, (_, i) => partition.row(i)));
}

/** The rows that both services hold: more than two pages of one day, suffixed and empty partitions' neighbours, odd keys. */
const SHARED_ROWS: readonly TableRow[] = [
  ...allRows(
    toGeneratedTable({
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
    }),
  ),
  { PartitionKey: '2021-10-11', RowKey: "o'clock & co", CertNumber: "it's", identificationNumber: 'ŠÕ-1' },
  { PartitionKey: '2021-10-11', RowKey: 'Zebra', CertNumber: 'C', identificationNumber: 42 },
  { PartitionKey: '2021-10-11', RowKey: 'apple', CertNumber: 'c', identificationNumber: 'k', valid: true },
];

const DAY = "PartitionKey ge '2021-10-10' and PartitionKey lt '2021-10-11'";

/** Each reading with how many rows the answer must have at least, lest two empty answers agree. */
const READINGS: readonly (readonly [name: string, reading: Reading, atLeast: number])[] = [
  ['everything', {}, 2_463],
  ['one day with its suffixed partition', { filter: DAY }, 2_260],
  ['one day in pages of 300', { filter: DAY, maxPageSize: 300 }, 2_260],
  ['one day in pages as long as the day', { filter: "PartitionKey eq '2021-10-09'", maxPageSize: 20 }, 20],
  ['two days, inclusive end', { filter: "PartitionKey ge '2021-10-11' and PartitionKey le '2021-10-12'" }, 180],
  ['a suffixed partition alone', { filter: "PartitionKey eq '2021-10-10-b'" }, 60],
  ['after a partition', { filter: "PartitionKey gt '2021-10-10'" }, 240],
  ['before a partition', { filter: "PartitionKey lt '2021-10-10-b'" }, 2_220],
  ['a range in which no day is', { filter: "PartitionKey ge '2022-01-01' and PartitionKey lt '2022-01-02'" }, 0],
  ['a range that is upside down', { filter: "PartitionKey ge '2021-10-12' and PartitionKey lt '2021-10-10'" }, 0],
  ['the query of the product', { filter: `${DAY} and CertNumber ne ''`, select: ['identificationNumber'] }, 1_500],
  ['not equal to empty', { filter: "CertNumber ne ''" }, 1_500],
  ['not, of equal to empty', { filter: "not (CertNumber eq '')" }, 1_800],
  ['not, without parentheses', { filter: `${DAY} and not CertNumber eq ''` }, 1_800],
  ['equal to empty', { filter: "CertNumber eq ''" }, 100],
  ['greater than or equal to empty', { filter: "CertNumber ge ''" }, 1_800],
  ['or, with parentheses', { filter: `(${DAY} or PartitionKey eq '2021-10-12') and CertNumber eq ''` }, 100],
  [
    'and before or',
    { filter: "PartitionKey eq '2021-10-09' or PartitionKey eq '2021-10-12' and CertNumber eq ''" },
    20,
  ],
  [
    'a range of row keys',
    { filter: "PartitionKey eq '2021-10-10' and RowKey ge '000001000' and RowKey lt '000001100'" },
    100,
  ],
  ['row keys in all partitions', { filter: "RowKey gt '000000010' and RowKey le '000000020'" }, 49],
  ['capitals before small letters', { filter: "PartitionKey eq '2021-10-11' and RowKey ge 'A'" }, 3],
  ['a quote in a value', { filter: "CertNumber eq 'it''s'" }, 1],
  ['an ampersand in a value', { filter: "RowKey eq 'o''clock & co'" }, 1],
  ['a case that matters', { filter: "CertNumber eq 'c'" }, 1],
  ['a number', { filter: 'identificationNumber eq 42' }, 1],
  ['a boolean', { filter: 'valid eq true' }, 1],
  ['a property that nobody has', { filter: "Nobody ne 'x'" }, 0],
  ['two properties', { filter: DAY, select: ['CertNumber', 'identificationNumber'] }, 2_260],
  ['the keys', { filter: "PartitionKey eq '2021-10-12'", select: ['PartitionKey', 'RowKey'] }, 30],
];

interface Subject {
  readonly connectionString: string;
  withKey(accountKey: string): string;
  stop(): Promise<void>;
}

const SUBJECTS: readonly (readonly [name: string, start: () => Promise<Subject>])[] = [
  ['the double', () => startLoadedDouble('absent')],
  ['the double, answering null for what is missing', () => startLoadedDouble('null')],
  ['Azurite', startLoadedAzurite],
];

describe.each(SUBJECTS)('reading from %s', (_, start) => {
  let subject: Subject;
  beforeAll(async () => {
    subject = await start();
  }, 60_000);
  afterAll(() => subject.stop());

  it.each(READINGS)('gives exactly the matching rows in order: %s', async (_name, reading, atLeast) => {
    const pages = await readPages(connect(subject.connectionString), reading);
    const rows = pages.flat().map((entity) => toComparable(entity, reading.select));
    expect(rows).toEqual(expectedRows(reading));
    expect(rows.length).toBeGreaterThanOrEqual(atLeast);
    expect(Math.max(...pages.map((page) => page.length))).toBeLessThanOrEqual(reading.maxPageSize ?? 1_000);
  });

  it('goes on from a continuation token in another client', async () => {
    const options = { queryOptions: { filter: DAY } };
    const first = await connect(subject.connectionString).listEntities(options).byPage({ maxPageSize: 7 }).next();
    const { continuationToken } = first.value as { continuationToken: string };
    const rest = connect(subject.connectionString).listEntities(options).byPage({ continuationToken, maxPageSize: 3 });
    const second = (await rest.next()).value as TableEntity[];
    expect(second.map((entity) => entity.rowKey)).toEqual(['000000007', '000000008', '000000009']);
  });

  it('answers the same page to the same token again', async () => {
    const read = (): Promise<TableEntity[][]> => readPages(connect(subject.connectionString), { filter: DAY });
    expect(await read()).toEqual(await read());
  });

  it('refuses a wrong key with 403', async () => {
    const reading = readPages(connect(subject.withKey(WRONG_KEY)));
    await expect(reading).rejects.toMatchObject({ name: 'RestError', statusCode: 403 });
  });

  it('answers 404 TableNotFound for a table that is not there', async () => {
    const reading = readPages(connect(subject.connectionString, 'nobody'));
    await expect(reading).rejects.toMatchObject({
      statusCode: 404,
      code: 'TableNotFound',
      details: { odataError: { code: 'TableNotFound' } },
    });
  });

  it.each(["CertNumber is ''", "CertNumber ne '", '(CertNumber ne x', "and CertNumber ne ''"])(
    'answers 400 InvalidInput to the filter %s',
    async (filter) => {
      const reading = readPages(connect(subject.connectionString), { filter });
      await expect(reading).rejects.toMatchObject({ statusCode: 400, code: 'InvalidInput' });
    },
  );
});

/** What a reading must give, by plain comparisons of keys and a filter written out here in TypeScript. */
function expectedRows(reading: Reading): Record<string, unknown>[] {
  const matches = EXPECTED_MATCHES[reading.filter ?? ''];
  if (!matches) throw new Error(`no expectation is written down for ${reading.filter}`);
  return SHARED_ROWS.filter(matches)
    .sort((a, b) => ordinal(a.PartitionKey, b.PartitionKey) || ordinal(a.RowKey, b.RowKey))
    .map((row) => pick(row, reading.select ?? ['PartitionKey', 'RowKey', 'CertNumber', 'identificationNumber', 'valid']));
}
