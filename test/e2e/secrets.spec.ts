import { randomBytes, randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { type IdentityEndpoint, startIdentityEndpoint } from '../support/azure/identity-endpoint';
import { type KeyVaultDouble, startKeyVault } from '../support/azure/key-vault-double';
import type { Disturbance } from '../support/azure/scripted-server';
import { checkedFetch } from '../support/checked-fetch';
import { toSubmission } from '../support/conversation';
import { type PublicListener, startPublicListener } from '../support/public-listener';
import { type ServiceProcess, startWorker, waitUntilReady } from '../support/service-processes';
import { generateDays } from '../support/table-double/generated-table';
import { DEVELOPMENT_KEY } from '../support/table-double/shared-key';
import { startTableDouble, toConnectionString } from '../support/table-double/start-table-double';
import type { TableDouble } from '../support/table-double/table-double';
import { waitUntil } from '../support/wait-until';

const TABLE_SECRET = 'storage-account-connection-string';
const HASH_SECRET = 'identifier-hash-key';
const HASH_KEY = randomBytes(32).toString('hex');
const RANGE = { start: '2021-10-01', end: '2021-10-04' };
const PAGES = 60;

interface Document {
  status: string;
  result: { count: number; entitiesRead: number } | null;
  error: { code: string } | null;
}

let identity: IdentityEndpoint;
let vault: KeyVaultDouble;
let double: TableDouble;
let api: PublicListener;
let env: Record<string, string>;
let worker: ServiceProcess | undefined;

beforeEach(async () => {
  [identity, vault] = await Promise.all([startIdentityEndpoint(), startKeyVault()]);
  const rows = { partitions: generateDays(RANGE.start, 4, 15_000), distinctIdentifiers: 20_000 };
  double = await startTableDouble({
    tables: { audit: { kind: 'generated', rows } },
    faults: [{ fault: { kind: 'latency', ms: 40 } }],
  });
  vault.set(TABLE_SECRET, double.connectionString);
  vault.set(HASH_SECRET, HASH_KEY);
  const common = { REDIS_URL: inject('redisUrl'), KEY_PREFIX: `{t-${randomUUID()}}` };
  api = await startPublicListener(common.REDIS_URL, common);
  env = { ...common, ...identity.env, KEY_VAULT_URL: vault.url, SCAN_CONCURRENCY: '4', PAGE_RETRY_SECONDS: '20' };
  worker = undefined;
});

afterEach(async () => {
  const output = worker?.output() ?? '';
  const code = await worker?.end();
  await Promise.all([api.stop(), identity.stop(), vault.stop(), double.stop()]);
  expect(code ?? 0).toBe(0);
  for (const value of [HASH_KEY, 'AccountKey=']) expect(output).not.toContain(value);
});

async function addWorker(more: Record<string, string> = {}): Promise<ServiceProcess> {
  worker = await startWorker({ ...env, ...more });
  return worker;
}

async function submit(): Promise<string> {
  const answer = await checkedFetch(`${api.url}/api/queries`, toSubmission(RANGE));
  expect(answer.status).toBe(202);
  return ((await answer.json()) as { id: string }).id;
}

async function read(id: string): Promise<Document> {
  return (await (await checkedFetch(`${api.url}/api/queries/${id}`)).json()) as Document;
}

function waitForEnd(id: string): Promise<Document> {
  const isOver = ({ status }: Document) => status !== 'Pending' && status !== 'Running';
  return waitUntil('the end of the query', () => read(id), isOver, 60_000);
}

async function readiness({ url }: ServiceProcess) {
  const answer = await fetch(`${url}/health/ready`);
  const body = (await answer.json()) as { checks: Record<string, string>; missing?: string[] };
  return { isReady: answer.status === 200, ...body };
}

function waitForCode(process: ServiceProcess, code: string) {
  return waitUntil(
    `${code} in the readiness`,
    () => readiness(process),
    ({ checks, missing }) => checks['secrets'] === code && checks['redis'] === 'ok' && missing !== undefined,
  );
}

function waitForOutput(process: ServiceProcess, text: string) {
  return waitUntil(
    `"${text}" in the log of the worker`,
    () => process.output(),
    (output) => output.includes(text),
  );
}

function waitForPages(count: number) {
  return waitUntil(
    'pages to be read',
    () => double.requests.length,
    (pages) => pages >= count,
  );
}

const toKey = () => randomBytes(64).toString('base64');
const readsOf = (secret: string) => vault.requests.filter(({ path }) => path.startsWith(`/secrets/${secret}/`));
const refusals = () => double.requests.filter(({ status }) => status === 403);

function completed() {
  const { count, entitiesRead } = double.truth('audit', RANGE.start, RANGE.end);
  return { status: 'Completed', result: { count, entitiesRead }, error: null };
}

describe('a worker that starts without its secrets', () => {
  type Case = [name: string, code: string, secret: string, spoil: () => void, mend: () => void];
  const disturb = (disturbance?: Disturbance) => () => vault.disturb(disturbance);
  it.each<Case>([
    ['the vault is unreachable', 'SECRET_UNREACHABLE', TABLE_SECRET, disturb({ kind: 'away' }), disturb()],
    [
      'the vault refuses',
      'SECRET_DENIED',
      TABLE_SECRET,
      disturb({ kind: 'status', status: 403, code: 'ForbiddenByRbac' }),
      disturb(),
    ],
    [
      'the secret does not exist',
      'SECRET_NOT_FOUND',
      TABLE_SECRET,
      () => vault.delete(TABLE_SECRET),
      () => vault.set(TABLE_SECRET, double.connectionString),
    ],
    [
      'the connection string has no key',
      'SECRET_INVALID',
      TABLE_SECRET,
      () => vault.set(TABLE_SECRET, 'TableEndpoint=https://a.example'),
      () => vault.set(TABLE_SECRET, double.connectionString),
    ],
    [
      'the key of the hashes is too short',
      'SECRET_INVALID',
      HASH_SECRET,
      () => vault.set(HASH_SECRET, 'short'),
      () => vault.set(HASH_SECRET, HASH_KEY),
    ],
    [
      'the identity endpoint is unreachable',
      'SECRET_UNREACHABLE',
      TABLE_SECRET,
      () => identity.disturb({ kind: 'away' }),
      () => identity.disturb(undefined),
    ],
  ])(
    'is live, shows why it takes no query, and starts when the secret is readable: %s',
    async (_name, code, secret, spoil, mend) => {
      spoil();
      const id = await submit();
      const waiting = await addWorker();
      expect(await waitForCode(waiting, code)).toMatchObject({
        isReady: false,
        checks: { redis: 'ok', queue: 'not taking jobs', secrets: code, table: 'waiting for secrets' },
        missing: expect.arrayContaining([expect.stringMatching(`^${code}: .*${secret}`)]) as string[],
      });
      expect((await fetch(`${waiting.url}/health/live`)).status).toBe(200);
      await waitForOutput(waiting, `${code} for the `);
      expect((await read(id)).status).toBe('Pending');
      mend();
      await waitUntilReady(waiting);
      expect(await waitForEnd(id)).toMatchObject(completed());
    },
  );

  it('waits as long as Retry-After of the vault says', async () => {
    vault.disturb({ kind: 'status', status: 429, retryAfterSeconds: 3 });
    const waiting = await addWorker();
    await waitForCode(waiting, 'SECRET_THROTTLED');
    vault.disturb(undefined);
    await waitUntilReady(waiting);
    const [first, second] = readsOf(TABLE_SECRET);
    expect((second?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThanOrEqual(2_990);
  });

  it('exits at once after SIGTERM', async () => {
    vault.disturb({ kind: 'slow' });
    const waiting = await addWorker();
    await waitUntil(
      'a request to the vault',
      () => vault.requests.length,
      (count) => count > 0,
    );
    const begun = performance.now();
    expect(await waiting.end('SIGTERM')).toBe(0);
    expect(performance.now() - begun).toBeLessThan(3_000);
  });
});

describe('a rotation while a query runs', () => {
  it('is not noticed by callers, with one read of the vault for all pages', async () => {
    const key = toKey();
    await waitUntilReady(await addWorker());
    const id = await submit();
    await waitForPages(12);
    vault.set(TABLE_SECRET, toConnectionString(double.port, key));
    const before = readsOf(TABLE_SECRET).length;
    double.configure({ accountKeys: [key] });
    expect(await waitForEnd(id)).toMatchObject(completed());
    expect(refusals().length).toBeGreaterThan(0);
    expect(readsOf(TABLE_SECRET).length).toBe(before + 1);
    // Only the refused pages were requested twice.
    expect(double.requests.filter(({ day, status }) => day !== null && status === 200)).toHaveLength(PAGES);
  });

  it('is not noticed by callers although the vault is unreachable and has the new key later', async () => {
    const key = toKey();
    // The retry limit of the page itself would end too early.
    const rotating = await addWorker({ PAGE_RETRY_SECONDS: '15' });
    await waitUntilReady(rotating);
    const id = await submit();
    await waitForPages(12);
    vault.disturb({ kind: 'away' });
    double.configure({ accountKeys: [key] });
    await waitForOutput(rotating, 'SECRET_UNREACHABLE');
    vault.disturb(undefined);
    const reads = readsOf(TABLE_SECRET).length;
    await waitUntil(
      'another read of the old key',
      () => readsOf(TABLE_SECRET).length,
      (count) => count > reads,
    );
    vault.set(TABLE_SECRET, toConnectionString(double.port, key));
    expect(await waitForEnd(id)).toMatchObject(completed());
  });

  it('fails the query if the table refuses the new key too', async () => {
    await waitUntilReady(await addWorker());
    const id = await submit();
    await waitForPages(12);
    vault.set(TABLE_SECRET, toConnectionString(double.port, toKey()));
    double.configure({ accountKeys: [toKey()] });
    expect(await waitForEnd(id)).toMatchObject({ status: 'Failed', error: { code: 'TABLE_FORBIDDEN' } });
  });

  it('fails the query if there is no new key', async () => {
    await waitUntilReady(await addWorker({ PAGE_RETRY_SECONDS: '2' }));
    const id = await submit();
    await waitForPages(12);
    double.configure({ accountKeys: [toKey()] });
    expect(await waitForEnd(id)).toMatchObject({ status: 'Failed', error: { code: 'TABLE_FORBIDDEN' } });
  });
});

describe('a worker that gets SIGTERM while a page waits for a new key', () => {
  it('returns its query to the queue and does not fail it', async () => {
    const key = toKey();
    const first = await addWorker();
    await waitUntilReady(first);
    const id = await submit();
    await waitForPages(12);
    double.configure({ accountKeys: [key] });
    await waitUntil(
      'pages that wait for a new key',
      () => refusals().length,
      (count) => count > 0,
    );
    expect(await first.end('SIGTERM')).toBe(0);
    expect((await read(id)).status).toBe('Running');
    vault.set(TABLE_SECRET, toConnectionString(double.port, key));
    await addWorker();
    expect(await waitForEnd(id)).toMatchObject(completed());
  });
});

describe('a worker with SECRET_REFRESH_SECONDS', () => {
  it('uses the new key before the old one is invalid', async () => {
    const key = toKey();
    const refreshing = await addWorker({ SECRET_REFRESH_SECONDS: '1' });
    await waitUntilReady(refreshing);
    double.configure({ accountKeys: [DEVELOPMENT_KEY, key] });
    vault.set(TABLE_SECRET, toConnectionString(double.port, key));
    await waitForOutput(refreshing, 'was rotated');
    double.configure({ accountKeys: [key] });
    expect(await waitForEnd(await submit())).toMatchObject(completed());
    expect(refusals()).toEqual([]);
  });

  it.each<[string, string, () => void]>([
    ['the vault is unreachable', 'SECRET_UNREACHABLE', () => vault.disturb({ kind: 'away' })],
    [
      'the new secret is of another account',
      'another account',
      () => vault.set(TABLE_SECRET, toConnectionString(1, toKey())),
    ],
    ['the new secret is invalid', 'SECRET_INVALID', () => vault.set(TABLE_SECRET, 'nothing')],
  ])('logs it and keeps the old secret: %s', async (_name, entry, spoil) => {
    const refreshing = await addWorker({ SECRET_REFRESH_SECONDS: '1' });
    await waitUntilReady(refreshing);
    spoil();
    await waitForOutput(refreshing, entry);
    expect(await waitForEnd(await submit())).toMatchObject(completed());
    expect((await readiness(refreshing)).isReady).toBe(true);
  });

  it('reads a new key without a query, at a readiness check', async () => {
    const key = toKey();
    const idle = await addWorker();
    await waitForOutput(idle, 'Taking queries');
    vault.set(TABLE_SECRET, toConnectionString(double.port, key));
    double.configure({ accountKeys: [key] });
    await waitUntilReady(idle);
    expect(refusals()).toHaveLength(1);
  });
});
