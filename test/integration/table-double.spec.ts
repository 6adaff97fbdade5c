import { TableClient, type TableEntity, type TransactionAction } from '@azure/data-tables';
import fc from 'fast-check';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import ts from 'typescript';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { DOCUMENTED_RATE_LIMITS } from '../support/table-double/entity-rate';
import type { FaultRule } from '../support/table-double/fault-rules';
import { parseFilter } from '../support/table-double/filter-expression';
import { toPredicate } from '../support/table-double/filter-predicate';
import { generateDays, toGeneratedTable, type GeneratedRows } from '../support/table-double/generated-table';
import { toKeyRange } from '../support/table-double/key-range';
import { READING_CASES, READING_ROWS, type ReadingCase } from '../support/table-double/reading-cases';
import { readPage } from '../support/table-double/read-page';
import { DEVELOPMENT_KEY } from '../support/table-double/shared-key';
import { toSortedTable, type TableRow } from '../support/table-double/sorted-table';
import { startTableDouble, toConnectionString } from '../support/table-double/start-table-double';
import type { TableDouble } from '../support/table-double/table-double';
import { startTableDoubleProcess } from '../support/table-double/start-table-double-process';
import type { TableDoubleOptions } from '../support/table-double/table-double-options';
import { countTruth } from '../support/table-double/table-truth';
import { waitUntil } from '../support/wait-until';

const WRONG_KEY = Buffer.from('not the key').toString('base64');
const DAY = "PartitionKey ge '2021-10-10' and PartitionKey lt '2021-10-11'";
const PROPERTIES = ['PartitionKey', 'RowKey', 'CertNumber', 'identificationNumber', 'valid'];

type Query = Pick<ReadingCase, 'filter' | 'select' | 'maxPageSize'>;

function connect(connectionString: string, table = 'audit'): TableClient {
  return TableClient.fromConnectionString(connectionString, table, {
    allowInsecureConnection: true,
    retryOptions: { maxRetries: 0 },
  });
}

async function readPages(client: TableClient, query: Query = {}, signal?: AbortSignal): Promise<TableEntity[][]> {
  const { filter, select, maxPageSize } = query;
  const entities = client.listEntities({
    queryOptions: { ...(filter !== undefined && { filter }), ...(select && { select }) },
    ...(signal && { abortSignal: signal }),
  });
  const pages: TableEntity[][] = [];
  for await (const page of entities.byPage(maxPageSize ? { maxPageSize } : {})) pages.push(page as TableEntity[]);
  return pages;
}

interface Subject {
  readonly port: number;
  stop(): Promise<void>;
}

describe.each<[string, () => Promise<Subject>]>([
  ['the double', () => startTableDouble({ tables: READING_TABLES, missingProperty: 'absent' })],
  ['the double with null for what is missing', () => startTableDouble({ tables: READING_TABLES })],
  ['Azurite', startLoadedAzurite],
])('reading from %s', (_, start) => {
  let subject: Subject;
  let client: TableClient;
  beforeAll(async () => {
    subject = await start();
    client = connect(toConnectionString(subject.port, DEVELOPMENT_KEY));
  }, 60_000);
  afterAll(() => subject.stop());

  it.each(READING_CASES)('gives exactly the matching rows, in order: $name', async (reading) => {
    const pages = await readPages(client, reading);
    const names = reading.select ?? PROPERTIES;
    const expected = READING_ROWS.filter(reading.matches)
      .sort((a, b) => (`${a.PartitionKey}\0${a.RowKey}` < `${b.PartitionKey}\0${b.RowKey}` ? -1 : 1))
      .map((row) => pick(row, names));
    expect(pages.flat().map((entity) => pick(toRow(entity), names))).toEqual(expected);
    expect(expected.length).toBeGreaterThanOrEqual(reading.atLeast);
    expect(Math.max(...pages.map((page) => page.length))).toBeLessThanOrEqual(reading.maxPageSize ?? 1_000);
  });

  it('goes on from a continuation token in another call', async () => {
    const list = (): ReturnType<TableClient['listEntities']> => client.listEntities({ queryOptions: { filter: DAY } });
    const first = await list().byPage({ maxPageSize: 7 }).next();
    const { continuationToken } = first.value as { continuationToken: string };
    const second = await list().byPage({ continuationToken, maxPageSize: 3 }).next();
    const rows = second.value as TableEntity[];
    expect(rows.map(({ rowKey }) => rowKey)).toEqual(['000000007', '000000008', '000000009']);
  });

  it('refuses a wrong key with 403', async () => {
    const reading = readPages(connect(toConnectionString(subject.port, WRONG_KEY)));
    await expect(reading).rejects.toMatchObject({ name: 'RestError', statusCode: 403 });
  });

  it('answers 404 TableNotFound for a table that is not there', async () => {
    const reading = readPages(connect(toConnectionString(subject.port, DEVELOPMENT_KEY), 'nobody'));
    await expect(reading).rejects.toMatchObject({
      statusCode: 404,
      details: { odataError: { code: 'TableNotFound' } },
    });
  });

  it.each(["CertNumber is ''", "(CertNumber ne ''", "and CertNumber ne ''"])(
    'answers 400 to the filter %s',
    async (filter) => {
      await expect(readPages(client, { filter })).rejects.toMatchObject({ statusCode: 400 });
    },
  );
});

describe('a page of the double', () => {
  it('is what a scan of every row gives, whatever the filter and the page size', () => {
    const table = toSortedTable(PROPERTY_ROWS);
    fc.assert(
      fc.property(filters, fc.integer({ min: 1, max: 5 }), fc.boolean(), (filter, maxRows, stopAtPartitionEnd) => {
        const expression = parseFilter(filter);
        const matches = toPredicate(expression);
        const rows: TableRow[] = [];
        let page = readPage(table, { matches, range: toKeyRange(expression), maxRows, stopAtPartitionEnd });
        for (;;) {
          rows.push(...page.rows);
          if (!page.next) break;
          const { next: position } = page;
          page = readPage(table, { matches, range: toKeyRange(expression), maxRows, stopAtPartitionEnd, position });
        }
        const all = table.flatMap((partition) => Array.from({ length: partition.size }, (_, i) => partition.row(i)));
        expect(rows).toEqual(all.filter(matches));
      }),
    );
  });

  it('has null for a selected property that the row lacks, as from Azure', async () => {
    const rows = [{ PartitionKey: '2021-10-10', RowKey: '1', CertNumber: 'C' }];
    const double = await start({ tables: { audit: { kind: 'listed', rows } } });
    const [page] = await readPages(connect(double.connectionString), { select: ['identificationNumber'] });
    expect(page).toEqual([{ etag: expect.any(String) as string, identificationNumber: null }]);
  });

  it('has no metadata where none is asked for', async () => {
    const double = await start({ tables: READING_TABLES });
    const answer = await ask(double, 'application/json;odata=nometadata', '?$top=1&$select=RowKey');
    expect(answer.headers.get('content-type')).toContain('odata=nometadata');
    expect(await answer.json()).toEqual({ value: [{ RowKey: '000000000' }] });
  });

  it.each([
    ['?$top=1001', 400, 'InvalidInput'],
    ['?$top=0', 400, 'InvalidInput'],
    ['?NextPartitionKey=made-up', 400, 'InvalidInput'],
    ['?$orderby=RowKey', 501, 'NotImplemented'],
  ])('is refused for %s with %i %s', async (search, status, code) => {
    const double = await start({ tables: READING_TABLES });
    const answer = await ask(double, 'application/json;odata=nometadata', search);
    expect([answer.status, answer.headers.get('x-ms-error-code')]).toEqual([status, code]);
    expect(await answer.json()).toMatchObject({ 'odata.error': { code, message: { lang: 'en-US' } } });
  });
});

describe('the truth of the double', () => {
  it('is what the SDK reads', async () => {
    const double = await startGenerated();
    const filter = "PartitionKey ge '2021-10-10' and PartitionKey lt '2021-10-13' and CertNumber ne ''";
    const entities = (await readPages(connect(double.connectionString), { filter })).flat();
    const identifiers = entities.map((entity) => entity['identificationNumber']);
    expect(double.truth('audit', '2021-10-10', '2021-10-12')).toEqual({
      count: new Set(identifiers.filter((identifier) => identifier !== undefined)).size,
      entitiesRead: entities.length,
      entitiesWithoutIdentifier: identifiers.filter((identifier) => identifier === undefined).length,
    });
  });

  it.each([
    ['2021-12-09', '2021-12-09', ['2021-12-09', '2021-12-09-b']],
    ['2021-11-30', '2021-11-30', ['2021-11-30', '2021-11-30x']],
    ['2021-11-30', '2021-12-10', ['2021-11-30', '2021-11-30x', '2021-12-09', '2021-12-09-b', '2021-12-10']],
  ])('is of the keys that begin with a day from %s to %s', (start, end, keys) => {
    const others = ['2021-11', '2021-11-31', '2021-11-9', '2021-12', '2021-12-0', '2021-12-0:', '2021-12-1'];
    const rows = [...keys, ...others].map((key) => ({
      PartitionKey: key,
      RowKey: '1',
      CertNumber: 'C',
      identificationNumber: key,
    }));
    expect(countTruth(toSortedTable(rows), start, end).count).toBe(keys.length);
  });

  it('has the shares and identifiers that were described', () => {
    const table = toGeneratedTable({ ...GENERATED, partitions: generateDays('2021-10-10', 1, 20_000) });
    const rows = Array.from({ length: 20_000 }, (_, i) => table[0]?.row(i));
    const share = (holds: (row: TableRow | undefined) => boolean): number => rows.filter(holds).length / rows.length;
    expect(share((row) => row?.['CertNumber'] === undefined)).toBeCloseTo(0.1, 1);
    expect(share((row) => row?.['CertNumber'] === '')).toBeCloseTo(0.2, 1);
    expect(share((row) => row?.['identificationNumber'] === undefined)).toBeCloseTo(0.05, 1);
    const identifiers = new Set(rows.map((row) => row?.['identificationNumber']).filter((id) => id !== undefined));
    expect(identifiers.size).toBe(GENERATED.distinctIdentifiers);
    expect([...identifiers].every((id) => /^\w{9,11}$/.test(String(id)))).toBe(true);
  });
});

describe('a fault of the double', () => {
  it.each<[number, string, number | undefined]>([
    [503, 'ServerBusy', undefined],
    [503, 'ServerBusy', 3_600],
    [500, 'OperationTimedOut', undefined],
    [429, 'TooManyRequests', 1],
    [403, 'AuthenticationFailed', undefined],
    [404, 'TableNotFound', undefined],
  ])('answers %i %s with Retry-After %s', async (status, code, retryAfterSeconds) => {
    const fault = { kind: 'status' as const, status, ...(retryAfterSeconds && { retryAfterSeconds }) };
    const double = await startGenerated([{ fault }]);
    const error = await readPages(connect(double.connectionString)).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ statusCode: status, details: { odataError: { code } } });
    const answer = await ask(double);
    expect(answer.headers.get('retry-after')).toBe(retryAfterSeconds?.toString() ?? null);
  });

  it.each<[FaultRule['fault'], string, string]>([
    [{ kind: 'html' }, 'text/html', 'Please sign in'],
    [{ kind: 'empty-body' }, 'application/json', ''],
    [{ kind: 'empty-object' }, 'application/json', '{}'],
    [{ kind: 'wrong-shape' }, 'application/json', '{"value":"none"}'],
    [{ kind: 'wrong-shape', body: '[]' }, 'application/json', '[]'],
  ])('answers 200 with %o', async (fault, contentType, text) => {
    const answer = await ask(await startGenerated([{ fault }]));
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toContain(contentType);
    expect(await answer.text()).toContain(text);
  });

  it('cuts the body in the middle', async () => {
    const double = await startGenerated([{ fault: { kind: 'cut-body' } }]);
    const answer = await ask(double);
    expect(answer.status).toBe(200);
    await expect(answer.text()).rejects.toThrow();
    await expect(readPages(connect(double.connectionString))).rejects.toMatchObject({ name: 'RestError' });
    expect(double.requests.map(({ end, entities }) => [end, entities])).toEqual([
      ['cut', 0],
      ['cut', 0],
    ]);
  });

  it('resets the connection', async () => {
    const double = await startGenerated([{ fault: { kind: 'reset' } }]);
    await expect(ask(double)).rejects.toThrow();
    expect(double.requests).toMatchObject([{ status: null, end: 'cut' }]);
  });

  it.each<FaultRule['fault']>([{ kind: 'hang' }, { kind: 'drip' }, { kind: 'latency', ms: 3_600_000 }])(
    'keeps the client waiting, and sees that it gives up: %o',
    async (fault) => {
      const double = await startGenerated([{ fault }]);
      const client = new AbortController();
      const reading = readPages(connect(double.connectionString), {}, client.signal);
      await waitUntil(
        'the request',
        () => double.requests.length,
        (length) => length === 1,
      );
      client.abort();
      await expect(reading).rejects.toMatchObject({ name: 'AbortError' });
      await waitUntil(
        'the end',
        () => double.requests[0]?.end,
        (end) => end === 'abandoned',
      );
    },
  );

  it('drips the right page', async () => {
    const double = await startGenerated([{ fault: { kind: 'drip', bytes: 10_000, intervalMs: 1 } }]);
    expect(await readPages(connect(double.connectionString))).toEqual(await readPages(await startedClient()));
  });

  it('leaves the rows the same when pages are short, empty and end with their partitions', async () => {
    const double = await startGenerated([
      { fault: { kind: 'partition-boundary' } },
      { fault: { kind: 'short-page' }, probability: 0.5 },
      { fault: { kind: 'empty-page' }, probability: 0.3 },
    ]);
    const pages = await readPages(connect(double.connectionString), { maxPageSize: 100 });
    expect(pages.flat()).toEqual((await readPages(await startedClient())).flat());
    const lengths = pages.map((page) => page.length);
    expect(lengths).toContain(0);
    expect(lengths.some((length) => length > 0 && length < 100)).toBe(true);
    const days = pages.map((page) => new Set(page.map((entity) => entity.partitionKey)).size);
    expect(Math.max(...days)).toBe(1);
    const tokens = double.requests.map(({ continuation }) => JSON.stringify(continuation));
    expect(new Set(tokens).size).toBe(tokens.length);
  });

  it('gives a token without a row key where a partition ends', async () => {
    const double = await startGenerated([{ fault: { kind: 'partition-boundary' } }]);
    const answer = await ask(double, 'application/json', `?$filter=${encodeURIComponent("RowKey lt '000000100'")}`);
    expect(answer.headers.get('x-ms-continuation-nextpartitionkey')).not.toBeNull();
    expect(answer.headers.get('x-ms-continuation-nextrowkey')).toBeNull();
  });

  it('repeats a token', async () => {
    const double = await startGenerated([{ fault: { kind: 'repeat-token' } }]);
    const pages = connect(double.connectionString).listEntities().byPage({ maxPageSize: 10 });
    const seen: unknown[] = [];
    for await (const page of pages) {
      seen.push((page as { continuationToken?: string }).continuationToken);
      if (seen.length === 3) break;
    }
    expect(seen[0]).toBeTypeOf('string');
    expect(seen).toEqual([seen[0], seen[0], seen[0]]);
  });

  it('happens only on the requests that its rule names', async () => {
    const double = await startGenerated([
      { fault: { kind: 'status', status: 503 }, day: '2021-10-11', from: 2, to: 3 },
      { fault: { kind: 'status', status: 500 }, day: '2021-10-12' },
    ]);
    const statuses: number[] = [];
    for (const day of ['2021-10-10', '2021-10-11', '2021-10-11', '2021-10-11', '2021-10-11', '2021-10-12']) {
      const filter = encodeURIComponent(`PartitionKey ge '${day}'`);
      statuses.push((await ask(double, 'application/json', `?$filter=${filter}`)).status);
    }
    expect(statuses).toEqual([200, 200, 503, 503, 200, 500]);
  });

  it('is drawn the same again from the same seed, and otherwise from another', async () => {
    const draw = async (faultSeed: number): Promise<number[]> => {
      const double = await startGenerated([{ fault: { kind: 'status', status: 503 }, probability: 0.5 }], {
        faultSeed,
      });
      const statuses: number[] = [];
      for (let i = 0; i < 30; i++) statuses.push((await ask(double)).status);
      return statuses;
    };
    const first = await draw(1);
    expect(await draw(1)).toEqual(first);
    expect(await draw(2)).not.toEqual(first);
    expect(new Set(first)).toEqual(new Set([200, 503]));
  });
});

describe('the rate limits of the double', () => {
  const tables: TableDoubleOptions['tables'] = {
    audit: {
      kind: 'generated',
      rows: { partitions: generateDays('2021-10-01', 25, 1_000), distinctIdentifiers: 9 },
    },
  };
  const readDay = async (double: TableDouble, day: string): Promise<number> =>
    (await ask(double, 'application/json', `?$filter=${encodeURIComponent(`PartitionKey eq '${day}'`)}`)).status;

  it('refuse a partition beyond 2,000 entities a second, and only that one', async () => {
    let nowMs = 0;
    const double = await start(
      { tables, rateLimits: { ...DOCUMENTED_RATE_LIMITS, retryAfterSeconds: 2 } },
      () => nowMs,
    );
    expect(await Promise.all(Array.from({ length: 3 }, () => readDay(double, '2021-10-01')))).toEqual([200, 200, 503]);
    expect(await readDay(double, '2021-10-02')).toBe(200);
    nowMs = 500;
    expect(await readDay(double, '2021-10-01')).toBe(200);
    expect(await readDay(double, '2021-10-01')).toBe(503);
    expect(double.countByQuery()).toMatchObject([
      { requests: 5, entities: 3_000, throttled: 2 },
      { requests: 1, entities: 1_000, throttled: 0 },
    ]);
  });

  it('refuse the account beyond 20,000 entities a second', async () => {
    const double = await start({ tables, rateLimits: DOCUMENTED_RATE_LIMITS }, () => 0);
    const statuses: number[] = [];
    for (const { key } of generateDays('2021-10-01', 21, 0)) statuses.push(await readDay(double, key));
    expect(statuses).toEqual([...Array.from({ length: 20 }, () => 200), 503]);
  });
});

describe('the account key of the double', () => {
  it('can be rotated while it runs', async () => {
    const double = await startGenerated();
    const newKey = Buffer.from('the next key').toString('base64');
    double.configure({ accountKeys: [newKey] });
    await expect(readPages(connect(double.connectionString))).rejects.toMatchObject({ statusCode: 403 });
    expect(await readPages(connect(toConnectionString(double.port, newKey)))).not.toEqual([]);
  });
});

describe('the double in a process of its own', () => {
  it('serves, is told what to do, and tells what it did', async () => {
    const main = await compileTableDouble();
    const double = await startTableDoubleProcess(main, { tables: GENERATED_TABLES, pageCacheBytes: 1_000_000 });
    onTestFinished(() => double.stop());
    const client = connect(double.connectionString);
    const pages = await readPages(client, { filter: DAY });
    expect(await readPages(client, { filter: DAY })).toEqual(pages);
    expect(await double.countByQuery()).toEqual([
      { filter: DAY, day: '2021-10-10', requests: 4, entities: 2 * pages.flat().length, throttled: 0 },
    ]);
    expect(await double.truth('audit', '2021-10-10', '2021-10-10')).toEqual(
      countTruth(toGeneratedTable(GENERATED), '2021-10-10', '2021-10-10'),
    );

    await double.reset();
    await double.configure({ faults: [{ fault: { kind: 'status', status: 503 } }] });
    await expect(readPages(client)).rejects.toMatchObject({ statusCode: 503 });
    expect(await double.requests()).toMatchObject([{ ordinal: 1, status: 503, entities: 0, faults: ['status'] }]);
  });

  it('says why it did not start', async () => {
    const main = await compileTableDouble();
    await expect(startTableDoubleProcess(join(main, '..', 'absent.js'), { tables: {} })).rejects.toThrow(
      /code 1.*Cannot find module/s,
    );
  });
});

const READING_TABLES: TableDoubleOptions['tables'] = { audit: { kind: 'listed', rows: READING_ROWS } };

const GENERATED: GeneratedRows = {
  partitions: generateDays('2021-10-10', 4, 1_500),
  distinctIdentifiers: 300,
  withoutCertNumber: 0.1,
  emptyCertNumber: 0.2,
  withoutIdentifier: 0.05,
};
const GENERATED_TABLES: TableDoubleOptions['tables'] = { audit: { kind: 'generated', rows: GENERATED } };

const PROPERTY_ROWS: readonly TableRow[] = ['a', 'ab', 'b', 'c'].flatMap((PartitionKey) =>
  ['', 'a', 'aa', 'b'].map((RowKey, i) => ({
    PartitionKey,
    RowKey,
    ...(i % 2 === 0 && { CertNumber: 'a'.repeat(i) }),
  })),
);

const comparisons = fc
  .tuple(
    fc.constantFrom('PartitionKey', 'RowKey', 'CertNumber'),
    fc.constantFrom('eq', 'ne', 'gt', 'ge', 'lt', 'le'),
    fc.constantFrom('', 'a', 'aa', 'ab', 'b', 'bb', 'd'),
  )
  .map(([property, operator, value]) => `${property} ${operator} '${value}'`);

/** Filters of any depth over the property rows' keys and values. */
const { filter: filters } = fc.letrec<{ filter: string }>((tie) => ({
  filter: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    comparisons,
    fc.tuple(tie('filter'), tie('filter')).map(([left, right]) => `(${left}) and (${right})`),
    fc.tuple(tie('filter'), tie('filter')).map(([left, right]) => `(${left}) or (${right})`),
    tie('filter').map((operand) => `not (${operand})`),
  ),
}));

async function start(options: TableDoubleOptions, nowMs?: () => number): Promise<TableDouble> {
  const double = await startTableDouble(options, nowMs);
  onTestFinished(() => double.stop());
  return double;
}

function startGenerated(faults: FaultRule[] = [], more: Partial<TableDoubleOptions> = {}): Promise<TableDouble> {
  return start({ tables: GENERATED_TABLES, faults, ...more });
}

async function startedClient(): Promise<TableClient> {
  return connect((await startGenerated()).connectionString);
}

/** A request without the SDK, signed by it. */
async function ask(double: TableDouble, accept = 'application/json', search = ''): Promise<Response> {
  const client = connect(double.connectionString);
  const signed = await signedHeaders(client);
  return fetch(`${client.url}/audit()${search}`, { headers: { ...signed, accept } });
}

/** The headers that the SDK would send for the table; its signature does not cover the parameters. */
async function signedHeaders(client: TableClient): Promise<Record<string, string>> {
  let headers: Record<string, string> = {};
  client.pipeline.addPolicy(
    {
      name: 'capture',
      sendRequest: (request) => {
        headers = request.headers.toJSON();
        throw new Error('captured');
      },
    },
    { afterPhase: 'Sign' },
  );
  await readPages(client).catch(() => undefined);
  return { authorization: headers['authorization'] ?? '', 'x-ms-date': headers['x-ms-date'] ?? '' };
}

function pick(row: Readonly<Record<string, unknown>>, names: readonly string[]): Record<string, unknown> {
  // Null and absent are the same here: the services differ, and a test of its own says how.
  return Object.fromEntries(names.filter((name) => row[name] != null).map((name) => [name, row[name]]));
}

function toRow({ partitionKey, rowKey, ...properties }: TableEntity): Record<string, unknown> {
  return { ...properties, PartitionKey: partitionKey, RowKey: rowKey };
}

/** The double's main file as JavaScript in a directory that goes with the test. */
async function compileTableDouble(): Promise<string> {
  const source = join(__dirname, '../support/table-double');
  const target = await mkdtemp(join(tmpdir(), 'table-double-'));
  onTestFinished(() => rm(target, { recursive: true }));
  const compilerOptions = { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2023 };
  for (const file of await readdir(source)) {
    const { outputText } = ts.transpileModule(await readFile(join(source, file), 'utf8'), { compilerOptions });
    await writeFile(join(target, file.replace(/\.ts$/, '.js')), outputText);
  }
  return join(target, 'table-double-process.js');
}

async function startLoadedAzurite(): Promise<Subject> {
  const azurite = await startAzurite();
  try {
    await loadReadingRows(connect(toConnectionString(azurite.port, DEVELOPMENT_KEY)));
    return azurite;
  } catch (error) {
    await azurite.stop();
    throw error;
  }
}

async function loadReadingRows(client: TableClient): Promise<void> {
  await client.createTable();
  const days = new Set(READING_ROWS.map((row) => row.PartitionKey));
  // Partitions side by side, for Azurite takes some 30 ms for a transaction of 100 rows.
  await Promise.all(
    Array.from(days, async (day) => {
      const rows = READING_ROWS.filter((row) => row.PartitionKey === day);
      for (let i = 0; i < rows.length; i += 100) {
        const actions = rows.slice(i, i + 100).map(({ PartitionKey, RowKey, Timestamp: _, ...properties }) => {
          return ['create', { partitionKey: PartitionKey, rowKey: RowKey, ...properties }] satisfies TransactionAction;
        });
        await client.submitTransaction(actions);
      }
    }),
  );
}

/** Starts Azurite's table server on a free port: on another one where somebody else was quicker. */
async function startAzurite(attemptsLeft = 5): Promise<Subject> {
  const port = await findFreePort();
  const main = require.resolve('azurite/dist/src/table/main.js');
  const flags = ['--inMemoryPersistence', '--silent', '--disableTelemetry', '--tableHost', '127.0.0.1'];
  const child = spawn(process.execPath, [main, ...flags, '--tablePort', String(port)], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const ended = once(child, 'exit');
  const listens = new Promise<true>((resolve) => {
    child.stdout.on('data', (text: Buffer) => text.includes('successfully started') && resolve(true));
  });
  if (await Promise.race([listens, ended.then(() => false)])) {
    return {
      port,
      stop: async () => {
        child.kill('SIGTERM');
        await ended;
      },
    };
  }
  if (attemptsLeft <= 1) throw new Error('Azurite could not be started on any of the ports tried');
  return startAzurite(attemptsLeft - 1);
}

async function findFreePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}
