import { createHash, randomBytes } from 'node:crypto';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { createKey, toKeyList } from '../support/api-key-file';
import { type EntraDouble, startEntra } from '../support/azure/entra-double';
import { type IdentityEndpoint, startIdentityEndpoint } from '../support/azure/identity-endpoint';
import { type KeyVaultDouble, startKeyVault } from '../support/azure/key-vault-double';
import { type ServiceProcess, waitUntilReady } from '../support/service-processes';
import { startSystem, type System } from '../support/start-system';
import type { Fault } from '../support/table-double/fault-rules';
import { startTableDouble, toConnectionString } from '../support/table-double/start-table-double';
import type { TableDouble } from '../support/table-double/table-double';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy';
import { waitUntil } from '../support/wait-until';

/** In every secret and every identification number of this run, and in nothing else. */
const MARK = `canary${randomBytes(6).toString('hex')}`;
const ACCOUNT_KEY = Buffer.from(`${MARK} of the account`).toString('base64');
const HASH_KEY = `${MARK} of the hashes, of more than 32 characters`;
const KEY = createKey();
const WRONG_KEY = createKey();
const RANGE = { start: '2021-10-10', end: '2021-10-12', maxAgeSeconds: 0 };
const SECRETS = { table: 'storage-account-connection-string', hash: 'identifier-hash-key', keys: 'api-keys' };

/** Everything that left the service, with its place. */
const seen: { where: string; bytes: Buffer }[] = [];
let redis: Redis;
let proxy: TcpProxy;
let identity: IdentityEndpoint;
let vault: KeyVaultDouble;
let entra: EntraDouble;
let double: TableDouble;
let token: string;
let system: System;
let api: ServiceProcess;
let entraApi: ServiceProcess;
let worker: ServiceProcess;

beforeAll(async () => {
  redis = new Redis(inject('redisUrl'));
  const { hostname, port } = new URL(inject('redisUrl'));
  proxy = await startTcpProxy({ host: hostname, port: Number(port) });
  [identity, entra] = await Promise.all([startIdentityEndpoint(), startEntra()]);
  double = await startTableDouble({ tables: { audit: { kind: 'listed', rows: rows() } }, accountKeys: [ACCOUNT_KEY] });
  vault = await startKeyVault({
    [SECRETS.table]: toConnectionString(double.port, ACCOUNT_KEY),
    [SECRETS.hash]: HASH_KEY,
    [SECRETS.keys]: toKeyList({ a: [KEY] }),
  });
  token = await entra.sign();
  system = await startSystem({
    redisUrl: `redis://127.0.0.1:${proxy.port}`,
    env: { KEY_VAULT_URL: vault.url, PAGE_RETRY_SECONDS: '1', LOG_LEVEL: 'debug', ...identity.env },
    apiEnv: { AUTH_MODE: 'api-key', API_KEYS_SECRET: SECRETS.keys },
    workers: 1,
  });
  ({ api } = system);
  worker = system.workers[0]!;
  entraApi = await system.addApi({ ...entra.env, API_KEYS_SECRET: '', KEY_VAULT_URL: '' });
  await waitUntilReady(entraApi);
});

afterAll(async () => {
  await system.stop();
  await Promise.all([identity.stop(), entra.stop(), vault.stop(), double.stop(), proxy.stop(), redis.quit()]);
});

/** More than a page a day; some numbers repeat. */
function rows() {
  return Array.from({ length: 4_500 }, (_, i) => ({
    PartitionKey: `2021-10-${10 + (i % 3)}`,
    RowKey: String(i),
    identificationNumber: `${MARK}-${i % 900}`,
    CertNumber: `C${i}`,
  }));
}

async function ask(url: string, init: RequestInit = {}): Promise<{ status: number; text: string }> {
  const answer = await fetch(url, init);
  const text = await answer.text();
  const headers = JSON.stringify([...answer.headers]);
  seen.push({ where: `${init.method ?? 'GET'} ${url}: ${answer.status}`, bytes: Buffer.from(headers + text) });
  return { status: answer.status, text };
}

const withKey = (more: Record<string, string> = {}) => ({ 'x-api-key': KEY, ...more });

function submit(body: unknown = RANGE, headers: Record<string, string> = withKey(), to = api) {
  const init = { method: 'POST', headers: { 'content-type': 'application/json', ...headers } };
  return ask(`${to.url}/api/queries`, { ...init, body: typeof body === 'string' ? body : JSON.stringify(body) });
}

async function submitted(headers: Record<string, string> = withKey(), to = api): Promise<string> {
  const { status, text } = await submit(RANGE, headers, to);
  expect(status).toBe(202);
  return (JSON.parse(text) as { id: string }).id;
}

/** Waits for the end of a query, then requests it in every form. */
async function follow(id: string, headers: Record<string, string> = withKey(), to = api) {
  const url = `${to.url}/api/queries/${id}`;
  const state = await waitUntil(
    'the end of the query',
    async () => JSON.parse((await ask(`${url}?wait=10`, { headers })).text) as { status: string; error: object | null },
    ({ status }) => status !== 'Pending' && status !== 'Running',
    60_000,
  );
  for (const path of [`${url}/result`, `${url}/events`, `${to.url}/api/status/${id}`, `${to.url}/api/queries`]) {
    await ask(path, { headers });
  }
  await ask(url, { headers: { ...headers, accept: 'text/html' } });
  return state;
}

/** Requests all that operators can see: board, routes, audit log, and the metrics of API and worker. */
async function lookAsOperator(ids: readonly string[]): Promise<void> {
  const board = `${api.operatorUrl}/queues`;
  for (const status of ['latest', 'active', 'waiting', 'completed', 'failed']) {
    await ask(`${board}/api/queues?activeQueue=queries&status=${status}&page=1&jobsPerPage=100`);
  }
  for (const id of ids) {
    await ask(`${board}/api/queues/queries/${id}`);
    await ask(`${board}/api/queues/queries/${id}/logs`);
    const shown = 'showInput=true&showHistory=true&showHistoryOutput=true';
    await ask(`${api.operatorUrl}/operator/queries/${id}?${shown}`);
  }
  await ask(`${api.operatorUrl}/operator/queries/${ids[0]}/restart`, { method: 'POST' });
  for (const path of ['queries', 'state', 'workers', 'audit', 'audit?stream=reads', 'openapi.json']) {
    expect((await ask(`${api.operatorUrl}/operator/${path}`)).status, path).toBe(200);
  }
  for (const url of [api.operatorUrl, worker.url]) expect((await ask(`${url}/metrics`)).text).toContain('audit_query_');
}

/** Each secret, also in its encoded forms. */
function canaries(): [name: string, bytes: Buffer][] {
  const digest = (key: string, encoding: 'hex' | 'base64') => createHash('sha256').update(key).digest(encoding);
  const texts: [string, string][] = [
    ['an identification number, or a secret with the mark', MARK],
    ['the mark in base64', Buffer.from(MARK).toString('base64').slice(0, 16)],
    ['the account key', ACCOUNT_KEY],
    ['the account key, escaped', encodeURIComponent(ACCOUNT_KEY)],
    ['an API key', KEY],
    ['an unknown API key', WRONG_KEY],
    ['the digest of an API key', digest(KEY, 'hex')],
    ['the payload of a token', token.split('.')[1] ?? ''],
    ['any token', 'eyJ'],
    ['a connection string', 'AccountKey='],
    ['a signature', 'SharedKey'],
    ['the header of the identity', identity.env['IDENTITY_HEADER'] ?? ''],
  ];
  return texts.map(([name, text]) => [name, Buffer.from(text)]);
}

function findLeaks(places: typeof seen): string[] {
  return places.flatMap(({ where, bytes }) =>
    canaries().flatMap(([name, canary]) => (bytes.includes(canary) ? [`${name} in ${where}`] : [])),
  );
}

describe('no secret and no identification number', () => {
  const ids: string[] = [];

  it('leaves with a query that succeeds', async () => {
    ids.push(await submitted());
    expect(await follow(ids[0]!)).toMatchObject({ status: 'Completed', result: { count: 900 } });
    const bearer = { authorization: `Bearer ${token}` };
    const other = await submitted(bearer, entraApi);
    expect(await follow(other, bearer, entraApi)).toMatchObject({ status: 'Completed' });
    ids.push(other);
  });

  it.each<[string, Fault]>([
    ['TABLE_FORBIDDEN', { kind: 'status', status: 403 }],
    ['TABLE_NOT_FOUND', { kind: 'status', status: 404 }],
    ['TABLE_THROTTLED', { kind: 'status', status: 503 }],
    ['TABLE_UNREACHABLE', { kind: 'reset' }],
    [
      'TABLE_PROTOCOL',
      { kind: 'wrong-shape', body: JSON.stringify({ value: [MARK, { identificationNumber: [MARK] }] }) },
    ],
    ['TABLE_PROTOCOL', { kind: 'wrong-shape', body: `"${MARK}` }],
  ])('leaves with a query that fails: %s', async (code, fault) => {
    double.configure({ faults: [{ fault }] });
    const id = await submitted();
    expect(await follow(id)).toMatchObject({ status: 'Failed', error: { code } });
    ids.push(id);
    await ask(`${worker.url}/health/ready`);
    double.configure({ faults: [] });
  });

  it('leaves with a query that is terminated or reaches its time limit', async () => {
    double.configure({ faults: [{ fault: { kind: 'hang' } }] });
    const id = await submitted();
    await ask(`${api.url}/api/queries/${id}`, { method: 'DELETE', headers: withKey() });
    expect(await follow(id)).toMatchObject({ status: 'Terminated' });
    await worker.end();
    double.configure({ faults: [] });
    worker = await system.addWorker({ QUERY_TIME_LIMIT_SECONDS: '1' });
    await waitUntilReady(worker);
    double.configure({ faults: [{ fault: { kind: 'hang' } }] });
    const late = await submitted();
    expect(await follow(late)).toMatchObject({ status: 'Failed', error: { code: 'QUERY_TIME_LIMIT' } });
    ids.push(id, late);
    double.configure({ faults: [] });
  });

  it('leaves with a refusal', async () => {
    const key = withKey({ 'idempotency-key': MARK });
    const statuses = [
      await submit({ ...RANGE, start: `${MARK}' or 1 eq 1` }),
      await submit(`{"start":"${MARK}`),
      await submit(JSON.stringify({ ...RANGE, padding: 'x'.repeat(100_000) })),
      await submit(RANGE, withKey({ 'content-type': `text/${MARK}` })),
      await submit(RANGE, {}),
      await submit(RANGE, { 'x-api-key': WRONG_KEY }),
      await submit(RANGE, { authorization: `Bearer ${WRONG_KEY}` }),
      await submit(RANGE, { authorization: `Bearer ${token}x` }, entraApi),
      await submit(RANGE, { authorization: `Bearer ${await entra.sign({ roles: [MARK] })}` }, entraApi),
      await submit(RANGE, key),
      await submit({ ...RANGE, maxAgeSeconds: 1 }, key),
      await ask(`${api.url}/api/queries/no-such-query`, { headers: withKey() }),
      await ask(`${api.url}/api/queries?x-api-key=${KEY}&pageToken=${MARK}`, { headers: withKey() }),
      await ask(`${api.url}/api/submit/query?s=${MARK}&e=${MARK}`, { headers: withKey() }),
      await ask(`${api.url}/api/queries`, { method: 'PATCH', headers: withKey() }),
      await ask(`${api.url}/api/queries/${ids[0]}`, { headers: withKey({ accept: `image/${MARK}` }) }),
    ].map(({ status }) => status);
    expect(statuses).toEqual([400, 400, 413, 415, 401, 401, 401, 401, 403, 202, 422, 404, 400, 400, 405, 406]);
  });

  it('leaves while Redis is unreachable or a secret is invalid', async () => {
    proxy.setMode('cut');
    expect((await submit()).status).toBe(503);
    await ask(`${api.url}/health/ready`);
    proxy.setMode('pass');
    await Promise.all([waitUntilReady(api), waitUntilReady(worker)]);
    vault.set(SECRETS.table, `${MARK} is no connection string`);
    vault.set(SECRETS.hash, MARK);
    const lost = await system.addWorker();
    const { text } = await waitUntil(
      'the invalid secret in the readiness of the worker',
      () => ask(`${lost.url}/health/ready`),
      (answer) => answer.text.includes('SECRET_INVALID'),
    );
    expect(text).toContain(SECRETS.table);
    const plain = { KEY_VAULT_URL: '', TABLE_CONNECTION_STRING: MARK, IDENTIFIER_HASH_KEY: MARK };
    const refusal = await system.addWorker({ ...plain, NODE_ENV: 'production' }).then(() => 'it started', String);
    expect(refusal).toContain('TABLE_CONNECTION_STRING');
    seen.push({ where: 'the output of a worker that does not start', bytes: Buffer.from(refusal) });
  });

  it('was in any answer, log entry, record, metric or page of the board', async () => {
    await lookAsOperator(ids);
    for (const process of [api, entraApi, ...system.workers])
      seen.push({ where: 'the log', bytes: Buffer.from(process.output()) });
    const entries = await dumpRedis(redis, system.keyPrefix);
    seen.push(...entries.map(({ key, bytes }) => ({ where: `Redis at ${key}`, bytes })));
    expect(entries.length).toBeGreaterThan(20);
    expect(seen.length).toBeGreaterThan(120);
    expect(findLeaks([{ where: 'here', bytes: Buffer.from(`x${KEY}`) }])).toEqual(['an API key in here']);
    expect(findLeaks(seen)).toEqual([]);
  });
});

/** A key of Redis, with its name and value as bytes. */
interface RedisEntry {
  key: string;
  bytes: Buffer;
}

type Read = (redis: Redis, key: string) => Promise<unknown>;

/** Not DUMP, which compresses texts. */
const READ_BY_TYPE: Record<string, Read> = {
  string: (redis, key) => redis.getBuffer(key),
  hash: (redis, key) => redis.hgetallBuffer(key).then((fields) => Object.entries(fields).flat()),
  list: (redis, key) => redis.lrangeBuffer(key, 0, -1),
  set: (redis, key) => redis.smembersBuffer(key),
  zset: (redis, key) => redis.zrangeBuffer(key, 0, -1),
  stream: (redis, key) => redis.xrangeBuffer(key, '-', '+'),
};

/** All keys with the prefix: values, fields, members and stream entries. */
async function dumpRedis(redis: Redis, prefix: string): Promise<RedisEntry[]> {
  const keys = (await redis.keys('*')).filter((key) => key.startsWith(prefix));
  return Promise.all(
    keys.map(async (key) => {
      const type = await redis.type(key);
      const read = READ_BY_TYPE[type];
      if (read === undefined) throw new Error(`${key} is a ${type}, which dumpRedis cannot read`);
      return { key, bytes: Buffer.concat([Buffer.from(key), ...toBuffers(await read(redis, key))]) };
    }),
  );
}

function toBuffers(value: unknown): Buffer[] {
  if (Buffer.isBuffer(value)) return [value];
  if (Array.isArray(value)) return value.flatMap(toBuffers);
  return [Buffer.from(String(value))];
}
