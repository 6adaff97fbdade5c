import type { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { checkedFetch } from '../support/checked-fetch';
import { followLocation, toSubmission } from '../support/conversation';
import { readEvents } from '../support/read-events';
import { hasRedisServer } from '../support/redis-servers/has-redis-server';
import { RedisCluster } from '../support/redis-servers/redis-cluster';
import { RedisProcess } from '../support/redis-servers/redis-process';
import { WatchedRedis } from '../support/redis-servers/watched-redis';
import { type ServiceProcess, startApi, startWorker, waitUntilReady } from '../support/service-processes';
import { startSystem, type System } from '../support/start-system';
import { generateDays } from '../support/table-double/generated-table';
import type { TableDouble } from '../support/table-double/table-double';
import { waitUntil } from '../support/wait-until';

/** In every password; a URL must escape these characters. */
const MARK = 'canary/5e?c:r@t';
const RANGE = { start: '2021-10-01', end: '2021-10-04' };

interface Topology {
  url: string;
  servers: readonly RedisProcess[];
  /** Connected to the server that has the records. */
  client: Redis;
  stop: () => Promise<unknown>;
}

async function startServer(): Promise<Topology> {
  const redis = await RedisProcess.create({ password: MARK, tls: inject('testAuthority') });
  const url = `rediss://:${encodeURIComponent(MARK)}@127.0.0.1:${redis.port}/3`;
  return { url, servers: [redis], client: redis.client, stop: () => redis.stop() };
}

async function startWatched(): Promise<Topology> {
  const passwords = { password: MARK, sentinelPassword: `${MARK} of sentinels`.replaceAll(' ', '-') };
  return WatchedRedis.start({ ...passwords, tls: inject('testAuthority') });
}

async function startCluster(): Promise<Topology> {
  const cluster = await RedisCluster.start({ password: MARK, tls: inject('testAuthority') });
  // Like the one address of a managed service.
  const url = cluster.url.split(',')[0]!;
  return { url, servers: cluster.servers, client: cluster.client, stop: () => cluster.stop() };
}

describe.runIf(hasRedisServer()).each([
  ['one server over TLS', startServer],
  ['two servers and three sentinels over TLS', startWatched],
  ['a cluster of three over TLS', startCluster],
])('with %s', (_name, startRedis) => {
  let redis: Topology;
  let system: System;
  let double: TableDouble;
  let api: ServiceProcess;
  let worker: ServiceProcess;

  beforeAll(async () => {
    redis = await startRedis();
    system = await startSystem({
      redisUrl: redis.url,
      rows: {
        partitions: generateDays(RANGE.start, 4, 1_500),
        distinctIdentifiers: 900,
        withoutIdentifier: 0.01,
      },
      env: {
        // `Topology.client` is connected to the server of the cluster that holds these keys.
        KEY_PREFIX: '{audit-query}',
        REDIS_TLS_CA_FILE: inject('testAuthority').certFile,
        NODE_EXTRA_CA_CERTS: '',
        LOG_LEVEL: 'debug',
      },
      workers: 1,
    });
    ({ double, api } = system);
    worker = system.workers[0]!;
  });

  afterAll(async () => {
    await system.stop();
    await redis.stop();
  });

  const operator = async (path: string, init?: RequestInit) => {
    const answer = await fetch(`${api.operatorUrl}${path}`, init);
    return { status: answer.status, text: await answer.text() };
  };

  it('a query completes, with its events and its result', async () => {
    const { count } = double.truth('audit', RANGE.start, RANGE.end);
    double.configure({ faults: [{ fault: { kind: 'latency', ms: 100 } }] });
    const submitted = await checkedFetch(`${api.url}/api/queries`, toSubmission(RANGE));
    const { links } = (await submitted.json()) as { links: { events: string; result: string } };
    const events: string[] = [];
    for await (const { event } of readEvents(await fetch(api.url + links.events))) events.push(event);
    expect(new Set(events)).toEqual(new Set(['progress', 'end']));
    const result = await checkedFetch(api.url + links.result);
    expect(await result.json()).toMatchObject({ status: 'Completed', result: { count, daysScanned: 4 } });
    const again = toSubmission({ ...RANGE, maxAgeSeconds: 600 });
    const reused = await followLocation(`${api.url}/api/queries`, again);
    expect(await reused.json()).toMatchObject({ result: { count, daysReused: 4 } });
  });

  it('operators suspend, list, terminate and purge', async () => {
    expect((await operator('/operator/suspend', { method: 'POST' })).status).toBe(200);
    const id = await system.client.submit(RANGE);
    expect(JSON.parse((await operator('/operator/state')).text)).toMatchObject({
      suspended: true,
      queries: { waiting: 1 },
    });
    const board = await operator('/queues/api/queues?activeQueue=queries&status=latest&page=1&jobsPerPage=10');
    expect(board.text).toContain(id);
    expect((await operator(`/operator/queries/${id}/terminate`, { method: 'POST' })).status).toBe(202);
    expect((await operator('/operator/resume', { method: 'POST' })).status).toBe(200);
    expect((await operator('/operator/queries', { method: 'DELETE' })).status).toBe(202);
    await waitUntil(
      'the queries to be purged',
      async () => (await operator('/operator/queries')).text,
      (text) => !text.includes(id),
    );
    const { text } = await operator('/metrics');
    expect(text).toMatch(/^audit_query_redis_up\S* 1$/m);
    expect(text).toMatch(/^audit_query_workers\S* 1$/m);
  });

  it('API and worker are not ready while the server with the records may evict; other servers do not matter', async () => {
    const holder = redis.client;
    for (const { client } of redis.servers.filter((server) => server.client !== holder)) {
      await client.config('SET', 'maxmemory-policy', 'allkeys-lru');
      // In a cluster one server has all records.
      if (redis.servers.length === 3) expect(await client.call('DBSIZE')).toBe(0);
    }
    await Promise.all([api, worker].map(waitUntilReady));
    await holder.config('SET', 'maxmemory-policy', 'allkeys-lru');
    for (const process of [api, worker]) {
      await waitUntil(
        'the policy in the readiness of the process',
        async () => (await fetch(`${process.url}/health/ready`)).text(),
        (text) => text.includes('evict'),
      );
    }
    await holder.config('SET', 'maxmemory-policy', 'noeviction');
    await Promise.all([api, worker].map(waitUntilReady));
  });

  it('no log contains a password, also if the certificate is not trusted or the URL is invalid', async () => {
    const doubtful = await startApi({ REDIS_URL: redis.url, NODE_EXTRA_CA_CERTS: '', LOG_LEVEL: 'debug' });
    await waitUntil(
      'the failed connection in the log',
      () => doubtful.output(),
      (text) => text.includes('is away'),
    );
    expect((await fetch(`${doubtful.url}/health/ready`)).status).toBe(503);
    await doubtful.end();
    const wrong = redis.url.replace(/^rediss/, 'rediss+nothing');
    const refusal = await startWorker({ REDIS_URL: wrong }).then(() => 'it started', String);
    expect(refusal).toContain('REDIS_URL must be redis://');
    for (const text of [api.output(), worker.output(), doubtful.output(), refusal]) expect(text).not.toMatch(/canary/);
  });
});
