import { randomUUID } from 'node:crypto';
import { Queue } from 'bullmq';
import { beforeEach, describe, expect, inject, it, onTestFinished } from 'vitest';
import { PURGE_JOB, PURGE_QUEUE } from '#shared/contract/purge-job';
import { QUERY_QUEUE } from '#shared/contract/query-job';
import { AuditLog, type AuditRecord, AuditStream } from '#shared/redis/audit-log';
import { connectForRequests } from '#shared/redis/connections';
import type { RedisClient } from '#shared/redis/redis-client';
import { RecordKeys } from '#shared/redis/record-keys';
import { Metrics } from '#shared/process/metrics';
import { AccessNotes } from '../../apps/api/src/operator/audit/audit-accesses';
import { createApiKeyFile, createKey } from '../support/api-key-file';
import { startEntra } from '../support/azure/entra-double';
import { checkedFetch, checkedOperatorFetch } from '../support/checked-fetch';
import { startOperatorListener } from '../support/operator-listener';
import { startPublicListener } from '../support/public-listener';
import { hasRedisServer } from '../support/redis-servers/has-redis-server';
import { RedisProcess } from '../support/redis-servers/redis-process';
import { sendRaw } from '../support/send-raw';
import { startTcpProxy } from '../support/tcp-proxy';
import { waitUntil } from '../support/wait-until';

type Entry = Omit<AuditRecord, 'at'> & { at: string };
type Listener = Awaited<ReturnType<typeof startOperatorListener>>;

const UNKNOWN = '0123456789abcdef0123456789abcdef';
const ALICE = createKey();
const BOB = createKey();

let keyPrefix: string;
let keys: RecordKeys;
let redis: RedisClient;
let lines: unknown[];

const keep = (line: unknown) => void lines.push(line);
const logger = { log: keep, warn: keep, error: keep };

beforeEach(() => {
  keyPrefix = `{t-${randomUUID()}}`;
  keys = new RecordKeys(keyPrefix);
  redis = connectForRequests(inject('redisUrl'));
  lines = [];
  return () => redis.disconnect();
});

async function startOperators(env: Record<string, string> = {}, redisUrl = inject('redisUrl')): Promise<Listener> {
  const start = { KEY_PREFIX: keyPrefix, ...env };
  const listener = await startOperatorListener(redisUrl, start, new Metrics('api'), { logger });
  onTestFinished(() => listener.stop());
  return listener;
}

async function startWithKeys(redisUrl?: string): Promise<Listener> {
  const file = await createApiKeyFile({ alice: [ALICE], bob: [BOB] });
  onTestFinished(() => file.remove());
  return startOperators({ OPERATOR_AUTH: 'basic', OPERATOR_KEYS_FILE: file.path }, redisUrl);
}

const toBasic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`;
const [AS_ALICE, AS_BOB] = [toBasic(`alice:${ALICE}`), toBasic(`bob:${BOB}`)];

async function ask(listener: Listener, path: string, authorization?: string, method = 'GET'): Promise<number> {
  const headers: Record<string, string> = authorization === undefined ? {} : { authorization };
  return (await sendRaw(listener.url, path, { method, headers })).status ?? 0;
}

async function submit(redisUrl = inject('redisUrl')): Promise<string> {
  const callers = await startPublicListener(redisUrl, { KEY_PREFIX: keyPrefix });
  onTestFinished(() => callers.stop());
  const body = JSON.stringify({ start: '2021-10-10', end: '2021-10-12' });
  const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body };
  const answer = await checkedFetch(`${callers.url}/api/queries`, init);
  return ((await answer.json()) as { id: string }).id;
}

async function list(listener: Listener, parameters: string, authorization?: string): Promise<Entry[]> {
  const headers: Record<string, string> = authorization === undefined ? {} : { authorization };
  const answer = await checkedOperatorFetch(`${listener.url}/operator/audit?${parameters}`, { headers });
  expect(answer.status).toBe(200);
  return ((await answer.json()) as { items: Entry[] }).items;
}

/** Waits for as many, since an entry is written beside the answer. */
async function listUntil(listener: Listener, stream: string, count: number, authorization?: string): Promise<Entry[]> {
  return waitUntil(
    `${count} entries to be in ${stream}`,
    () => list(listener, `stream=${stream}`, authorization),
    ({ length }) => length >= count,
  );
}

const isLine = (text: string) => lines.some((line) => String(line).includes(text));

const toRead = (who: string, target: string, action = 'GET /operator/queries/{id}') => ({
  ...{ at: expect.any(String) as string, who, action, target, parameters: {}, outcome: '200' },
});
const toLogin = (who: string, outcome = '401 UNAUTHENTICATED', target = '127.0.0.1') => ({
  ...{ at: expect.any(String) as string, who, action: 'login', target, parameters: {}, outcome },
});

describe('reads of a single query', () => {
  it('have one entry a minute for each operator and query, whichever way they go, in a stream of their own', async () => {
    const [first, second] = [await submit(), await submit()];
    const listener = await startWithKeys();
    await ask(listener, '/operator/suspend', AS_BOB, 'POST');
    for (const [i, id] of [first, second].entries()) {
      for (let poll = 0; poll < 5; poll += 1) {
        expect(await ask(listener, `/operator/queries/${id}`, AS_ALICE)).toBe(200);
        expect(await ask(listener, `/operator/queries/${id}?showHistory=true`, AS_ALICE)).toBe(200);
        for (const path of ['', '/logs', '/flow'])
          expect(await ask(listener, `/queues/api/queues/${QUERY_QUEUE}/${id}${path}`, AS_ALICE)).toBe(200);
      }
      await listUntil(listener, 'reads', i + 1, AS_ALICE);
    }
    expect(await ask(listener, `/queues/api/queues/${QUERY_QUEUE}/${second}`, AS_BOB)).toBe(200);
    const reads = [
      toRead('basic:bob', second, 'GET /queues/api/queues/{queueName}/{jobId}'),
      toRead('basic:alice', second),
      toRead('basic:alice', first),
    ];
    expect(await listUntil(listener, 'reads', 3, AS_ALICE)).toEqual(reads);
    expect(await list(listener, 'stream=reads&count=1', AS_ALICE)).toEqual(reads.slice(0, 1));
    const changes = [expect.objectContaining({ who: 'basic:bob', action: 'POST /operator/suspend' })];
    expect(await list(listener, '', AS_ALICE)).toEqual(changes);
    expect(await list(listener, 'stream=changes', AS_ALICE)).toEqual(changes);
    expect(await list(listener, 'stream=failed-logins', AS_ALICE)).toEqual([]);
    expect(lines).toContainEqual(expect.objectContaining({ who: 'basic:bob', target: second, outcome: '200' }));
  });

  it('are not lists, state, metrics, assets, purges, or what shows nothing of a query', async () => {
    const [id, last] = [await submit(), await submit()];
    const listener = await startOperators();
    const purges = new Queue(PURGE_QUEUE, { connection: redis, prefix: keyPrefix });
    await purges.add(PURGE_JOB, { createdBefore: 1, operator: 'anonymous' }, { jobId: UNKNOWN });
    const paths = [
      ...['queries', 'state', 'workers', 'audit', 'audit?stream=reads', 'openapi.json', `purges/${UNKNOWN}`].map(
        (path) => `/operator/${path}`,
      ),
      ...[`queries/${UNKNOWN}`, 'queries/x', `queries/${id}?showInput=maybe`].map((path) => `/operator/${path}`),
      ...['/metrics', '/queues', `/queues/queue/${QUERY_QUEUE}`, `/queues/queue/${QUERY_QUEUE}/${id}`],
      ...[`/queues/api/queues?activeQueue=${QUERY_QUEUE}&status=latest`, '/queues/api/redis/stats'],
      ...[`/queues/api/queues/${PURGE_QUEUE}/${UNKNOWN}`, `/queues/api/queues/${QUERY_QUEUE}/${UNKNOWN}`],
    ];
    for (const path of paths) expect([path, await ask(listener, path)]).not.toEqual([path, 503]);
    for (const method of ['HEAD', 'OPTIONS']) await ask(listener, `/operator/queries/${id}`, undefined, method);
    await ask(listener, `/operator/queries/${last}`);
    expect(await listUntil(listener, 'reads', 1)).toEqual([toRead('anonymous', last)]);
    await purges.close();
  });

  it('are counted over all processes', async () => {
    const id = await submit();
    const listeners = [await startOperators(), await startOperators(), await startOperators()];
    const polls = listeners.flatMap((listener) => Array.from({ length: 8 }, () => listener));
    await Promise.all(polls.map((listener) => ask(listener, `/operator/queries/${id}`)));
    // Behind all that each process has sent to Redis so far, on the same connection.
    const lists = await Promise.all(listeners.map((listener) => listUntil(listener, 'reads', 1)));
    for (const items of lists) expect(items).toEqual([toRead('anonymous', id)]);
    expect(lines.filter((line) => (line as { target?: string }).target === id).length).toBe(1);
  });

  it('have another entry after a minute', async () => {
    const audit = new AuditLog(redis, keys);
    const mark = keys.rateWindow(AuditStream.Reads, ['basic:alice', UNKNOWN]);
    let now = 0;
    const notes = new AccessNotes(audit, () => now);
    const read = { who: 'basic:alice', action: '', target: UNKNOWN, parameters: '{}', outcome: '200' };
    const count = async () => (await audit.list(AuditStream.Reads, 10)).length;
    await waitUntil(
      'Redis',
      () => redis.status,
      (status) => status === 'ready',
    );
    notes.note(AuditStream.Reads, read);
    await waitUntil('the first entry', count, (entries) => entries === 1);
    expect(await redis.pttl(mark)).toBeGreaterThan(50_000);
    expect(await audit.appendAccess(AuditStream.Reads, read)).toMatchObject({ verdict: 'repeated' });
    await redis.pexpire(mark, 1);
    await waitUntil(
      'the end of the minute in Redis',
      () => redis.exists(mark),
      (kept) => kept === 0,
    );
    now = 59_000;
    notes.note(AuditStream.Reads, read);
    expect(await count()).toBe(1);
    now = 60_001;
    notes.note(AuditStream.Reads, read);
    await waitUntil('the second entry', count, (entries) => entries === 2);
  });
});

describe('failed logins', () => {
  it('have an entry with the name that was tried and the address, and never with a secret', async () => {
    const listener = await startWithKeys();
    const wrong = createKey();
    const tried: [string, string][] = [
      [toBasic(`alice:${wrong}`), 'basic:alice'],
      [toBasic(`alice:${BOB}`), 'basic:alice'],
      [toBasic(`mallory:${wrong}`), 'basic:mallory'],
      // The fields were mixed up.
      [toBasic(`${ALICE}:alice`), 'basic:?'],
      [toBasic(ALICE), 'basic:?'],
      [toBasic(`a\u001b[2Jb\n:${wrong}`), 'basic:?'],
      [`Bearer ${ALICE}`, 'basic:?'],
      [`Basic ${'A'.repeat(8_200)}`, 'basic:?'],
      [toBasic(`last:${wrong}`), 'basic:last'],
    ];
    for (const [authorization] of tried) {
      for (const path of ['/operator/state', '/queues', '/operator/nothing'])
        expect(await ask(listener, path, authorization)).toBe(401);
    }
    const names = [...new Set(tried.map(([, name]) => name))];
    const entries = await listUntil(listener, 'failed-logins', names.length, AS_ALICE);
    // In any order: they are written beside the answers.
    expect(entries.length).toBe(names.length);
    expect(entries).toEqual(expect.arrayContaining(names.map((name) => toLogin(name))));
    expect(await list(listener, 'stream=reads', AS_ALICE)).toEqual([]);
    expect(await list(listener, '', AS_ALICE)).toEqual([]);
    const everything = JSON.stringify([entries, lines, await redis.keys(`${keyPrefix}*`)]);
    for (const secret of [wrong, ALICE, BOB, toBasic(ALICE).slice(6), 'AAAA']) expect(everything).not.toContain(secret);
    expect(lines).toContainEqual(expect.objectContaining({ who: 'basic:mallory', action: 'login' }));
  });

  it('are not requests without a credential, or what is refused for another reason', async () => {
    const listener = await startWithKeys();
    expect(await ask(listener, '/operator/state')).toBe(401);
    const headers = { authorization: AS_ALICE, origin: 'https://a.example' };
    expect((await sendRaw(listener.url, '/operator/suspend', { method: 'POST', headers })).status).toBe(403);
    const open = await startOperators();
    const foreign = { authorization: AS_ALICE, host: 'a.example' };
    expect((await sendRaw(open.url, '/operator/state', { headers: foreign })).status).toBe(403);
    expect(await ask(listener, '/operator/state', toBasic('last:x'))).toBe(401);
    expect(await listUntil(listener, 'failed-logins', 1, AS_ALICE)).toEqual([toLogin('basic:last')]);
  });

  it('are ten in a minute at most, over all processes, whatever names are tried', async () => {
    const listeners = [await startWithKeys(), await startWithKeys()];
    const names = Array.from({ length: 40 }, (_, i) => `mallory-${i}`);
    for (const listener of listeners) {
      const answers = names.map((name) => ask(listener, '/operator/state', toBasic(`${name}:x`)));
      expect(new Set(await Promise.all(answers))).toEqual(new Set([401]));
    }
    await waitUntil('the log to say that there are more', () => isLine('failed logins in a minute'), Boolean);
    const [listener] = listeners as [Listener];
    const entries = await listUntil(listener, 'failed-logins', 10, AS_ALICE);
    expect(new Set(entries.map(({ who }) => who)).size).toBe(10);
    expect(entries.length).toBe(10);
    expect(lines.filter((line) => String(line).includes('failed logins in a minute')).length).toBe(1);
    expect(Number(await redis.get(keys.rateWindow(AuditStream.FailedLogins, [])))).toBeLessThanOrEqual(22);
    expect(lines.filter((line) => (line as { action?: string }).action === 'login').length).toBe(10);
  });

  it('with a token name whom it claims to be, also one that lacks the role', async () => {
    const entra = await startEntra();
    onTestFinished(() => entra.stop());
    const roles = { OPERATOR_AUTH: 'entra', OPERATOR_REQUIRED_ROLE: 'Queries.Operate' };
    const listener = await startOperators({ ...entra.env, ...roles });
    const oids = [randomUUID(), randomUUID(), randomUUID(), randomUUID()];
    const name = (i: number) => `entra:${entra.tenantId}/${oids[i]}`;
    const send = async (claims: object) =>
      ask(listener, '/operator/state', `Bearer ${await entra.sign({ roles: ['Queries.Operate'], ...claims })}`);
    expect(await send({ oid: oids[0], roles: undefined })).toBe(403);
    expect(await send({ oid: oids[1], exp: 1 })).toBe(401);
    expect(await send({ oid: 'x'.repeat(500) })).toBe(401);
    expect(await ask(listener, '/operator/state', 'Bearer a.b.c')).toBe(401);
    expect(await ask(listener, '/operator/state', AS_ALICE)).toBe(401);
    expect(await send({ oid: oids[2], aud: 'another' })).toBe(401);
    const operator = `Bearer ${await entra.sign({ roles: ['Queries.Operate'], oid: oids[3] })}`;
    const expected = [...[toLogin(name(0), '403 FORBIDDEN'), toLogin(name(1)), toLogin('entra:?'), toLogin(name(2))]];
    const entries = await listUntil(listener, 'failed-logins', 4, operator);
    expect(entries.length).toBe(4);
    expect(entries).toEqual(expect.arrayContaining(expected));
  });
});

describe('an entry that Redis does not take', () => {
  it.runIf(hasRedisServer())('is a log line, and the answer is the same: the memory is full', async () => {
    const server = await RedisProcess.create({});
    onTestFinished(() => server.stop());
    const redisUrl = `redis://127.0.0.1:${server.port}`;
    const id = await submit(redisUrl);
    const listener = await startWithKeys(redisUrl);
    await server.client.config('SET', 'maxmemory', '1');
    expect(await ask(listener, `/operator/queries/${id}`, AS_ALICE)).toBe(200);
    expect(await ask(listener, `/operator/queries/${id}`, AS_ALICE)).toBe(200);
    expect(await ask(listener, '/operator/state', toBasic('mallory:x'))).toBe(401);
    const isOnlyHere = (line: unknown) => /an entry is only here: .*OOM/.test(String(line));
    await waitUntil(
      'two lines',
      () => lines.filter(isOnlyHere).length,
      (count) => count >= 2,
    );
    expect(lines).toContainEqual(expect.objectContaining({ who: 'basic:alice', target: id }));
    expect(lines).toContainEqual(expect.objectContaining({ who: 'basic:mallory', outcome: '401 UNAUTHENTICATED' }));
    // Once a minute for each.
    expect(lines.filter(isOnlyHere).length).toBe(2);
  });

  it('does not hold the answer back: Redis is silent', async () => {
    const { hostname, port } = new URL(inject('redisUrl'));
    const proxy = await startTcpProxy({ host: hostname, port: Number(port) });
    onTestFinished(() => proxy.stop());
    const id = await submit();
    const listener = await startWithKeys(`redis://127.0.0.1:${proxy.port}`);
    for (const [path, authorization, status] of [
      [`/operator/queries/${id}`, AS_ALICE, 200],
      ['/operator/state', toBasic('mallory:x'), 401],
    ] as const) {
      proxy.holdFrom(`${keys.audit}:`);
      expect(await ask(listener, path, authorization)).toBe(status);
      // The entry is given up after 1.5 s, and an answer that waited for it would come after this line.
      expect(isLine('an entry is only here')).toBe(false);
      await waitUntil('the line', () => isLine('an entry is only here'), Boolean);
      proxy.setMode('pass');
      lines.length = 0;
    }
  });
});

it('the audit log refuses a stream that there is not', async () => {
  const listener = await startOperators();
  for (const stream of ['', 'logins', 'reads&stream=reads']) {
    const answer = await checkedOperatorFetch(`${listener.url}/operator/audit?stream=${stream}`);
    expect([stream, answer.status]).toEqual([stream, 400]);
    expect(await answer.json()).toMatchObject({
      detail: 'stream must be one of changes, reads, failed-logins.',
    });
  }
});
