import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { CalendarDay } from '#shared/contract/calendar-day';
import { scanDay } from '../../apps/worker/src/queries/day-scan';
import { createIdentifierHash, type IdentifierHash } from '../../apps/worker/src/queries/identifier-hash';
import { createTableClient, IdentityConnection, toFixedConnection } from '../../apps/worker/src/table/table-connection';
import { PageReader } from '../../apps/worker/src/table/page-reader';
import { type ScanSlot, ScanSlots } from '../../apps/worker/src/table/scan-slots';
import type { Fault, FaultRule } from '../support/table-double/fault-rules';
import { startTableDouble, toConnectionString } from '../support/table-double/start-table-double';
import type { TableDouble } from '../support/table-double/table-double';
import { waitUntil } from '../support/wait-until';

const NEVER = new AbortController().signal;
const DAY = '2021-10-10' as CalendarDay;
const CLAIMS = [{ query: {}, isUrgent: false }];
const RANGE = { from: DAY, to: '2021-10-11', claims: CLAIMS };
const ENTITIES = 4_500;
let hash: IdentifierHash;
beforeAll(async () => {
  hash = await createIdentifierHash('a key for tests, of more than 32 characters');
});

let double: TableDouble;
let slots: ScanSlots;

beforeEach(async () => {
  const rows = {
    partitions: [
      { key: DAY, entities: ENTITIES },
      { key: '2021-10-11', entities: 10 },
    ],
    distinctIdentifiers: 2_000,
    withoutCertNumber: 0.1,
    emptyCertNumber: 0.1,
    withoutIdentifier: 0.01,
  };
  double = await startTableDouble({ tables: { audit: { kind: 'generated', rows } } });
  slots = new ScanSlots(4);
});
afterEach(() => double.stop());

function createReader(options = {}, connectionString = double.connectionString, tableName = 'audit'): PageReader {
  const client = createTableClient({ connectionString, tableName, allowInsecureConnection: true });
  return new PageReader(toFixedConnection(client), slots, {
    // Long for a page, even on a busy machine.
    timeoutMs: 1_000,
    retryForMs: 60_000,
    allowInsecureConnection: true,
    ...options,
  });
}

function scan(reader: PageReader, signal = NEVER) {
  const start = {
    scannedAt: 1,
    demandedAt: 1,
    resumed: undefined,
    checkpoint: { save: async () => true, discard: async () => {} },
    claims: CLAIMS,
  };
  return scanDay(DAY, start, { pages: reader, hash }, () => {}, signal);
}

/** The counts of a scan, to compare with the truth. */
async function count(reader: PageReader) {
  const { identifiers, entitiesRead, entitiesWithoutIdentifier } = await scan(reader);
  return { count: identifiers.length / 16, entitiesRead, entitiesWithoutIdentifier };
}

const truth = () => double.truth('audit', DAY, DAY);

const status = (code: number, more: object = {}): Fault => ({ kind: 'status', status: code, ...more });

describe('a fault that ends', () => {
  it.each<[string, Fault]>([
    ['503', status(503)],
    ['503 that asks for no wait', status(503, { retryAfterSeconds: 0 })],
    ['500', status(500)],
    ['502', status(502)],
    ['429', status(429)],
    ['408', status(408)],
    ['a hanging request', { kind: 'hang' }],
    ['a reply that drips', { kind: 'drip', intervalMs: 50 }],
    ['a reply that is cut', { kind: 'cut-body' }],
    ['a connection that is reset', { kind: 'reset' }],
    ['HTML', { kind: 'html' }],
    ['no body', { kind: 'empty-body' }],
    ['an empty object', { kind: 'empty-object' }],
    ['another shape', { kind: 'wrong-shape' }],
  ])('changes nothing: %s on the second page', async (_name, fault) => {
    double.configure({ faults: [{ fault, from: 2, to: 2 }] });
    expect(await count(createReader())).toEqual(truth());
    expect(double.requests.filter(({ continuation }) => continuation === null)).toHaveLength(1);
  });

  it('changes nothing: replies that cannot be pages, after faults that are retried for longer', async () => {
    const faults: FaultRule[] = [
      { fault: status(503, { retryAfterSeconds: 0 }), to: 4 },
      { fault: { kind: 'html' }, from: 5, to: 7 },
    ];
    double.configure({ faults });
    expect(await count(createReader())).toEqual(truth());
  });

  it('changes nothing: many kinds mixed', async () => {
    const kinds: Fault[] = [
      status(503),
      status(500),
      status(429),
      { kind: 'cut-body' },
      { kind: 'reset' },
      { kind: 'html' },
      { kind: 'empty-page' },
      { kind: 'short-page' },
      { kind: 'partition-boundary' },
    ];
    double.configure({ faults: kinds.map((fault): FaultRule => ({ fault, probability: 0.08 })) });
    expect(await count(createReader())).toEqual(truth());
  });
});

describe('the time limit of the retries of a page', () => {
  it('starts with the first fault, however long the page waited for a slot before', async () => {
    slots = new ScanSlots(1);
    const held = await slots.take(NEVER, CLAIMS);
    double.configure({ faults: [{ fault: status(503), from: 1, to: 1 }] });
    const retryForMs = 400;
    const begun = performance.now();
    const counting = count(createReader({ retryForMs }));
    await waitUntil(
      'the page to have waited for longer than the limit',
      () => performance.now() - begun,
      (waitedMs) => waitedMs > retryForMs,
    );
    held.release('served');
    expect(await counting).toEqual(truth());
  });

  it('pauses while the page waits for a slot between two faults', async () => {
    slots = new ScanSlots(1);
    double.configure({ faults: [{ fault: status(500), from: 1, to: 2 }] });
    const retryForMs = 1_000;
    let held: Promise<ScanSlot> | undefined;
    const onRetry = () => void (held ??= slots.take(NEVER, CLAIMS));
    const counting = count(createReader({ retryForMs, observers: [{ onFault() {}, onRetry }] }));
    await waitUntil(
      'the page to wait for a slot',
      () => slots.read().waiting,
      (waiting) => waiting === 1,
    );
    const begun = performance.now();
    await waitUntil(
      'it to have waited for longer than the limit',
      () => performance.now() - begun,
      (waitedMs) => waitedMs > retryForMs,
    );
    (await held)?.release('served');
    expect(await counting).toEqual(truth());
  });
});

describe('a clock that is hours off the clock of the table', () => {
  it.each([-3, 3])('costs one refused request, no query: %i hours', async (hours) => {
    double.configure({ clockOffsetMs: hours * 3_600_000 });
    const reader = createReader();
    expect(await reader.probe(NEVER)).toBeUndefined();
    expect(await count(reader)).toEqual(truth());
    const [refused, ...others] = double.requests;
    expect(refused?.entities).toBe(0);
    expect(others.map(({ entities }) => entities)).not.toContain(0);
  });

  it('is noticed also in the middle of a day', async () => {
    const reader = createReader();
    expect(await count(reader)).toEqual(truth());
    double.configure({ clockOffsetMs: 3_600_000 });
    expect(await count(reader)).toEqual(truth());
  });
});

describe('a fault that persists', () => {
  it.each<[string, Fault, string, number | undefined]>([
    ['503', status(503), 'TABLE_THROTTLED', undefined],
    ['429', status(429), 'TABLE_THROTTLED', undefined],
    [
      '500 of a query that took too long',
      status(500, { errorCode: 'OperationTimedOut' }),
      'TABLE_THROTTLED',
      undefined,
    ],
    ['500', status(500, { errorCode: 'InternalError' }), 'TABLE_UNREACHABLE', undefined],
    ['502', status(502), 'TABLE_UNREACHABLE', undefined],
    ['hanging requests', { kind: 'hang' }, 'TABLE_UNREACHABLE', undefined],
    ['replies that drip', { kind: 'drip', intervalMs: 50 }, 'TABLE_UNREACHABLE', undefined],
    ['replies that are cut', { kind: 'cut-body' }, 'TABLE_UNREACHABLE', undefined],
    ['connections that are reset', { kind: 'reset' }, 'TABLE_UNREACHABLE', undefined],
    ['HTML', { kind: 'html' }, 'TABLE_PROTOCOL', 4],
    ['no body', { kind: 'empty-body' }, 'TABLE_PROTOCOL', 4],
    ['an empty object', { kind: 'empty-object' }, 'TABLE_PROTOCOL', 4],
    ['another shape', { kind: 'wrong-shape' }, 'TABLE_PROTOCOL', 4],
    ['403', status(403), 'TABLE_FORBIDDEN', 1],
    ['404', status(404), 'TABLE_NOT_FOUND', 1],
    ['400', status(400), 'TABLE_PROTOCOL', 1],
    ['a token that repeats', { kind: 'repeat-token' }, 'TABLE_PROTOCOL', undefined],
  ])('has its code: %s', async (_name, fault, code, requests) => {
    double.configure({ faults: [{ fault }] });
    const retryForMs = requests === undefined ? 400 : 60_000;
    await expect(scan(createReader({ retryForMs }))).rejects.toMatchObject({ code });
    if (requests !== undefined) expect(double.requests).toHaveLength(requests);
  });

  it('is not waited out for a long Retry-After', async () => {
    double.configure({ faults: [{ fault: status(503, { retryAfterSeconds: 3_600 }) }] });
    await expect(scan(createReader({ retryForMs: 5_000 }))).rejects.toMatchObject({ code: 'TABLE_THROTTLED' });
  });

  it('has its code: a wrong key, a missing table, an unreachable service', async () => {
    const wrongKey = toConnectionString(double.port, Buffer.from('another').toString('base64'));
    await expect(scan(createReader({}, wrongKey))).rejects.toMatchObject({ code: 'TABLE_FORBIDDEN' });
    const otherTable = createReader({}, double.connectionString, 'other');
    await expect(scan(otherTable)).rejects.toMatchObject({ code: 'TABLE_NOT_FOUND' });
    const { connectionString } = double;
    await double.stop();
    const away = createReader({ retryForMs: 200 }, connectionString);
    await expect(scan(away)).rejects.toMatchObject({ code: 'TABLE_UNREACHABLE' });
  });

  it('does not contain the key', async () => {
    const error = await scan(createReader({}, toConnectionString(double.port, 'c2VjcmV0LWNhbmFyeQ=='))).catch(String);
    expect(error).not.toContain('c2VjcmV0LWNhbmFyeQ');
  });
});

describe('a key that is refused', () => {
  const wrongKey = () => toConnectionString(double.port, Buffer.from('another').toString('base64'));
  const connect = (connectionString: string) =>
    createTableClient({ connectionString, tableName: 'audit', allowInsecureConnection: true });

  /** A reader with a wrong key, whose renewal takes `takesMs`. */
  function createRotatingReader(next: string, takesMs = 0) {
    const connection = {
      client: connect(wrongKey()),
      async renew(): Promise<boolean> {
        await new Promise((resolve) => setTimeout(resolve, takesMs));
        this.client = connect(next);
        return true;
      },
      stop() {},
    };
    return new PageReader(connection, slots, { timeoutMs: 150, retryForMs: 200, allowInsecureConnection: true });
  }

  it('uses none of the time limit of the retries', async () => {
    double.configure({ faults: [{ fault: status(503), from: 1, to: 1 }] });
    const page = await createRotatingReader(double.connectionString, 400).read(RANGE, undefined, NEVER);
    expect(page.identifiers.length + page.entitiesWithoutIdentifier).toBe(1_000);
  });

  it('is final when its successor is refused too', async () => {
    await expect(scan(createRotatingReader(wrongKey()))).rejects.toMatchObject({ code: 'TABLE_FORBIDDEN' });
    expect(double.requests).toHaveLength(2);
  });

  it.each([
    ['read', () => double.connectionString, undefined],
    ['refused for good', wrongKey, 'TABLE_FORBIDDEN'],
  ])('is replaced once by a new token of an identity: %s', async (_name, next, code) => {
    const credentials = [wrongKey(), next()];
    const connection = new IdentityConnection(() => connect(credentials.shift() ?? ''));
    const reader = new PageReader(connection, slots, { timeoutMs: 150, retryForMs: 0, allowInsecureConnection: true });
    const answer = await reader.read(RANGE, undefined, NEVER).catch((error: unknown) => error);
    expect((answer as { code?: string }).code).toBe(code);
    expect(double.requests).toHaveLength(2);
  });

  it('does not delay a query that is stopped', async () => {
    const stop = new AbortController();
    const reading = createRotatingReader(double.connectionString, 600_000).read(RANGE, undefined, stop.signal);
    await waitUntil(
      'the refusal',
      () => double.requests.length,
      (count_) => count_ === 1,
    );
    stop.abort(new Error('terminated'));
    await expect(reading).rejects.toThrow('terminated');
  });
});

describe('the reader', () => {
  it('aborts the request in flight with its signal', async () => {
    double.configure({ faults: [{ fault: { kind: 'hang' } }] });
    const controller = new AbortController();
    const reading = createReader({ timeoutMs: 60_000 }).read(RANGE, undefined, controller.signal);
    await waitUntil(
      'the request',
      () => double.requests.length,
      (count_) => count_ === 1,
    );
    controller.abort(new Error('terminated'));
    await expect(reading).rejects.toThrow('terminated');
    await waitUntil(
      'the request to be aborted',
      () => double.requests[0]?.end,
      (end) => end === 'abandoned',
    );
    expect(slots.read()).toMatchObject({ inFlight: 0 });
  });

  it('requests no more than it needs', async () => {
    await createReader().read(RANGE, undefined, NEVER);
    expect(double.requests).toMatchObject([
      {
        filter: "PartitionKey ge '2021-10-10' and PartitionKey lt '2021-10-11' and CertNumber ne ''",
        select: ['identificationNumber'],
        top: 1_000,
      },
    ]);
  });

  it('lowers its limit while the service is busy', async () => {
    double.configure({ faults: [{ fault: status(503), to: 2 }] });
    await createReader().read(RANGE, undefined, NEVER);
    expect(slots.read()).toMatchObject({ limit: 2, served: 1, pressed: 2 });
  });

  it('probes whether the table can be read', async () => {
    expect(await createReader().probe(NEVER)).toBeUndefined();
    double.configure({ faults: [{ fault: status(403) }] });
    expect(await createReader().probe(NEVER)).toBe('TABLE_FORBIDDEN');
  });
});
