import { readFileSync } from 'node:fs';
import type { Redis } from 'ioredis';
import { afterEach, describe, expect, it } from 'vitest';
import { checkedOperatorFetch } from '../support/checked-fetch';
import { followLocation, toSubmission } from '../support/conversation';
import { readEvents } from '../support/read-events';
import { hasRedisServer } from '../support/redis-servers/has-redis-server';
import { RedisCluster } from '../support/redis-servers/redis-cluster';
import { RedisProcess } from '../support/redis-servers/redis-process';
import { type ServiceProcess, waitUntilReady } from '../support/service-processes';
import { startSystem, type System } from '../support/start-system';
import { generateDays } from '../support/table-double/generated-table';
import type { TableDouble } from '../support/table-double/table-double';
import { waitUntil } from '../support/wait-until';

const RANGE = { start: '2021-10-01', end: '2021-10-04' };

/** The rules of docs/redis.md: for the user, and the additional ones of a cluster. */
const [RULES = [], CLUSTER_RULES = []] = [
  ...readFileSync('docs/redis.md', 'utf8').matchAll(/^ACL SETUSER audit-query (.+)$/gm),
].map(([, rules = '']) => rules.split(' '));

interface Document {
  id: string;
  status: string;
}

interface Rights {
  host: string;
  /** Connected to the server that has the records. */
  client: Redis;
  set: (...rules: string[]) => Promise<unknown>;
  stop: () => Promise<void>;
}

async function startServer(): Promise<Rights> {
  const redis = await RedisProcess.create({});
  const { client } = redis;
  return {
    ...{ host: `redis://audit-query:PASSWORD@127.0.0.1:${redis.port}`, client },
    set: (...rules) => client.call('ACL', 'SETUSER', 'audit-query', ...rules),
    stop: () => redis.stop(),
  };
}

async function startCluster(): Promise<Rights> {
  const cluster = await RedisCluster.start();
  const set = (...rules: string[]) =>
    Promise.all(cluster.servers.map(({ client }) => client.call('ACL', 'SETUSER', 'audit-query', ...rules)));
  await set(...CLUSTER_RULES);
  const host = cluster.url.replace('//', '//audit-query:PASSWORD@');
  return { host, client: cluster.client, set, stop: () => cluster.stop() };
}

let rights: Rights;
let system: System;
let double: TableDouble;
let api: ServiceProcess;
let worker: ServiceProcess;

async function start(startRedis: () => Promise<Rights>, ...less: string[]): Promise<void> {
  rights = await startRedis();
  await rights.set(...RULES, ...less);
  system = await startSystem({
    redisUrl: rights.host,
    rows: { partitions: generateDays(RANGE.start, 4, 1_500), distinctIdentifiers: 900, withoutIdentifier: 0 },
    // The rights of the page are for the keys of the default prefix.
    env: { KEY_PREFIX: '{audit-query}', BOARD_READ_ONLY: 'false', LOCK_SECONDS: '1' },
    workers: 1,
    waitsForReady: false,
  });
  ({ double, api } = system);
  worker = system.workers[0]!;
}

afterEach(async () => {
  await system.stop();
  await rights.stop();
});

const submit = () => system.client.submit(RANGE);

async function ask<T = Document>(path: string, method = 'GET'): Promise<T> {
  const answer = await checkedOperatorFetch(`${api.operatorUrl}/operator/${path}`, { method });
  expect([path, answer.ok]).toEqual([path, true]);
  return (await answer.json()) as T;
}

async function ends(path: string, status: string): Promise<void> {
  await waitUntil(
    `${path} to be ${status}`,
    () => ask(path),
    (document) => document.status === status,
  );
}

async function useBoard(path: string, method = 'GET'): Promise<void> {
  const answer = await fetch(`${api.operatorUrl}/queues/api/${path}`, { method });
  expect([path, answer.status]).toEqual([path, 200]);
}

const count = () => double.truth('audit', RANGE.start, RANGE.end).count;

const readHealth = async ({ url }: ServiceProcess) => {
  const answer = await fetch(`${url}/health/ready`);
  return { status: answer.status, text: await answer.text() };
};

/** The commands of the user that Redis has refused. */
async function listRefused(): Promise<unknown[]> {
  const entries = (await rights.client.call('ACL', 'LOG')) as unknown[][];
  return entries.map((entry) => entry[entry.indexOf('object') + 1]).sort();
}

describe.runIf(hasRedisServer())('the rights of docs/redis.md', () => {
  it.each([
    ['one server', startServer],
    ['a cluster', startCluster],
  ])('suffice for callers, operators, workers and the dashboard on %s', async (_name, startRedis) => {
    await start(startRedis);
    await Promise.all([api, worker].map(waitUntilReady));
    const answer = await followLocation(`${api.url}/api/queries`, toSubmission(RANGE));
    expect(await answer.json()).toMatchObject({ status: 'Completed', result: { count: count() } });

    await ask('suspend', 'POST');
    const terminated = await submit();
    const stream = await fetch(`${api.url}/api/queries/${terminated}`, { headers: { accept: 'text/event-stream' } });
    await ask(`queries/${terminated}/terminate?reason=test`, 'POST');
    const statuses: unknown[] = [];
    for await (const { data } of readEvents(stream)) statuses.push(data['status']);
    expect(statuses.at(-1)).toBe('Terminated');
    await ask('resume', 'POST');
    const { id: restarted } = await ask(`queries/${terminated}/restart`, 'POST');
    await ends(`queries/${restarted}?showHistory=true&showHistoryOutput=true`, 'Completed');

    double.configure({ faults: [{ fault: { kind: 'status', status: 403 } }] });
    const failed = await submit();
    await ends(`queries/${failed}`, 'Failed');
    double.configure({ faults: [] });
    const { id: rewound } = await ask(`queries/${failed}/rewind`, 'POST');
    await ends(`queries/${rewound}`, 'Completed');

    for (const path of ['state', 'workers', 'audit', 'queries?status=Failed']) await ask(path);
    await waitUntil(
      'the reads to be in the audit log',
      () => ask<{ items: { target: string }[] }>('audit?stream=reads'),
      ({ items }) => items.some(({ target }) => target === rewound),
    );
    expect(await (await fetch(`${api.operatorUrl}/metrics`)).text()).toContain('audit_query_redis_up{app="api"} 1');
    expect(await (await fetch(`${worker.url}/metrics`)).text()).toContain('audit_query_redis_up{app="worker"} 1');
    for (const path of [`queues/queries/${failed}`, 'queues?activeQueue=queries&page=1&jobsPerPage=9', 'redis/stats'])
      await useBoard(path);
    for (const path of ['pause', 'resume', 'clean/completed']) await useBoard(`queues/queries/${path}`, 'PUT');

    const purge = await ask('queries?createdBefore=2099-01-01', 'DELETE');
    await ends(`purges/${purge.id}`, 'Completed');
    await Promise.all([api, worker].map(waitUntilReady));
    // Without the first the dashboard shows no workers; without the second `GET /operator/state` shows no `appendfsync`.
    expect(await listRefused()).toEqual(['client|list', 'config|get']);
  });

  it.each(['-xadd', '-eval', '-subscribe'])(
    'API and worker log a missing right once and wait for it: %s',
    async (less) => {
      await start(startServer, less);
      const log = await waitUntil(
        'the log entry of the API',
        () => api.output(),
        (text) => text.includes('Redis cannot be used'),
      );
      const named = less.slice(1).toUpperCase();
      expect(log).toMatch(new RegExp(`"level":"error".*"missing":"[^"]*${named}\\b.*See docs/redis.md`));
      const unfit = await waitUntil(
        'the API not to be ready',
        () => readHealth(api),
        ({ status }) => status === 503,
      );
      // Without EVAL the readiness check itself is refused, with a code.
      const isProbed = less === '-eval';
      expect(unfit.text).toContain(isProbed ? 'refused: NOPERM' : 'lacks something that this service needs');
      if (less !== '-subscribe') {
        expect(
          await waitUntil(
            'the missing right in the readiness of the worker',
            () => readHealth(worker),
            ({ text }) => text.includes(isProbed ? 'refused' : 'unfit'),
          ),
        ).toEqual({
          status: 503,
          text: expect.stringMatching(
            isProbed
              ? /"redis":"refused: NOPERM","queue":"not taking jobs"/
              : new RegExp(`"redis":"unfit: lacks [^"]*${named}\\b.*"queue":"not taking jobs"`),
          ) as string,
        });
      }
      await rights.set(...RULES);
      await Promise.all([api, worker].map(waitUntilReady));
      for (const process of [api, worker]) {
        const findings = process.output().match(/Redis cannot be used|Redis has all that this service needs/g) ?? [];
        expect(findings.length).toBe(process === worker && less === '-subscribe' ? 0 : 2);
      }
      const answer = await followLocation(`${api.url}/api/queries`, toSubmission(RANGE));
      expect(await answer.json()).toMatchObject({ status: 'Completed', result: { count: count() } });
    },
  );

  it('no process ends without SUBSCRIBE after a reconnect; the API is not ready', async () => {
    await start(startServer);
    await Promise.all([api, worker].map(waitUntilReady));
    await rights.set('-subscribe');
    await rights.client.call('CLIENT', 'KILL', 'USER', 'audit-query');
    await waitUntil(
      'the API not to be ready',
      () => readHealth(api),
      ({ text }) => /lacks/.test(text),
    );
    await rights.set('+subscribe');
    await Promise.all([api, worker].map(waitUntilReady));
    expect(api.child.exitCode).toBe(null);
  });

  it('API and worker are not ready without LPOS after a reconnect', async () => {
    await start(startServer);
    await Promise.all([api, worker].map(waitUntilReady));
    await rights.set('-lpos');
    await rights.client.call('CLIENT', 'KILL', 'USER', 'audit-query');
    for (const process of [api, worker])
      await waitUntil(
        'the process not to be ready',
        () => readHealth(process),
        ({ text }) => /lacks/.test(text),
      );
    await rights.set('+lpos');
    await Promise.all([api, worker].map(waitUntilReady));
  });
});
