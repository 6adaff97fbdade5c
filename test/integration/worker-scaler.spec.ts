import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Queue, Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { ApiConfig } from '#shared/config/api-config';
import { parseConfig } from '#shared/config/parse-config';
import { PURGE_QUEUE, type PurgeJobPayload } from '#shared/contract/purge-job';
import { QUERY_QUEUE, type QueryJobPayload, toJobPayload } from '#shared/contract/query-job';
import { QueryRequest } from '#shared/contract/query-request';
import { PurgeQueue } from '../../apps/api/src/queue/purge-queue';
import { QueryQueue } from '../../apps/api/src/queue/query-queue';
import { type ContainerApp, readContainerApp, type ScaleRule, toEnvironment } from '../support/bicep/container-app';

// The scale rules of infra/worker.bicep, held against the queues as the service fills them.

const BICEP = readFileSync('infra/worker.bicep', 'utf8');

interface Stage {
  readonly redis: Redis;
  readonly app: ContainerApp;
  readonly queries: QueryQueue;
  readonly purges: PurgeQueue;
  /** Takes queries and keeps them. */
  readonly taker: Worker;
  stop(): Promise<void>;
}

/** A worker's Bicep and both queues with one prefix of their own, which is all that is changed of the file. */
async function setStage(text = BICEP): Promise<Stage> {
  const app = await readContainerApp(text.replace("'{audit-query}'", `'{t-${randomUUID()}}'`));
  const { KEY_PREFIX = '' } = toEnvironment(app);
  const redis = new Redis(inject('redisUrl'), { maxRetriesPerRequest: null });
  const config = parseConfig(ApiConfig, { KEY_PREFIX });
  const connection = { connection: redis, prefix: config.keyPrefix };
  const queue = new Queue<QueryJobPayload>(QUERY_QUEUE, connection);
  const purgeQueue = new Queue<PurgeJobPayload>(PURGE_QUEUE, connection);
  const taker = new Worker(QUERY_QUEUE, null, connection);
  return {
    ...{ redis, app, taker },
    queries: new QueryQueue(queue, config, redis),
    purges: new PurgeQueue(purgeQueue),
    async stop() {
      await Promise.all([queue, purgeQueue].map((one) => one.obliterate({ force: true })));
      await Promise.all([queue, purgeQueue, taker].map((one) => one.close()));
      await redis.quit();
    },
  };
}

/** As KEDA's scaler counts: by the type of the key, and none where there is no key. */
async function countAsKeda(redis: Redis, key: string): Promise<number> {
  const type = await redis.type(key);
  if (type === 'list') return redis.llen(key);
  if (type === 'zset') return redis.zcard(key);
  if (type === 'none') return 0;
  throw new Error(`${key} is a ${type}`);
}

/** By rule, what it counts. */
async function countAll({ redis, app }: Stage): Promise<Record<string, number>> {
  const { rules } = app.properties.template.scale;
  const counts = await Promise.all(
    rules.map(async ({ name, custom }) => [name, await countAsKeda(redis, custom.metadata.listName)] as const),
  );
  return Object.fromEntries(counts.filter(([, count]) => count > 0));
}

/** The largest of what the rules ask for, as the autoscaler takes it (keda.sh, "Scaling Deployments"). */
function toReplicas({ properties }: ContainerApp, counts: Record<string, number>): number {
  const { rules, minReplicas, maxReplicas } = properties.template.scale;
  const wanted = rules.map(({ name, custom }) => Math.ceil((counts[name] ?? 0) / Number(custom.metadata.listLength)));
  return Math.min(maxReplicas, Math.max(minReplicas, ...wanted));
}

const replicas = async (stage: Stage) => toReplicas(stage.app, await countAll(stage));
const PAYLOAD = toJobPayload(
  Object.assign(new QueryRequest(), { start: '2021-10-10', end: '2021-10-10' }),
  'anonymous',
);
const PURGE = { createdBefore: 1, operator: 'anonymous' };
const submit = async ({ queries }: Stage, count: number) => {
  for (let i = 0; i < count; i += 1) await queries.add(randomUUID().replaceAll('-', ''), PAYLOAD, Date.now());
};

describe('the scale rules of the workers', () => {
  let stage: Stage;
  beforeEach(async () => {
    stage = await setStage();
  });
  afterEach(() => stage.stop());

  it('ask for no worker where there is nothing to do', async () => {
    expect(await countAll(stage)).toEqual({});
    expect(await replicas(stage)).toBe(0);
  });

  it('count each kind of job by itself, and ask for what the largest asks for', async () => {
    await submit(stage, 9);
    for (let i = 0; i < 3; i += 1) await stage.taker.getNextJob('token');
    for (let i = 0; i < 2; i += 1) await stage.purges.add(PURGE);
    expect(await countAll(stage)).toEqual({
      'queries-waiting': 6,
      'queries-active': 3,
      'purges-waiting': 2,
    });
    expect(await replicas(stage)).toBe(2);
  });

  it.each<[string, (stage: Stage) => Promise<unknown>]>([
    ['a query that waits', (on) => submit(on, 1)],
    [
      'a query that runs, also where its worker was lost',
      async (on) => {
        await submit(on, 1);
        await on.taker.getNextJob('token');
      },
    ],
    [
      'a query that is to be tried again',
      async (on) => {
        await submit(on, 1);
        const job = await on.taker.getNextJob('token');
        await job?.moveToFailed(new Error('UNEXPECTED'), 'token', false);
      },
    ],
    ['a purge', (on) => on.purges.add(PURGE)],
  ])('ask for a worker for %s', async (_what, act) => {
    await act(stage);
    expect(await replicas(stage)).toBe(1);
  });

  it('ask for no worker for what has ended', async () => {
    await submit(stage, 1);
    const job = await stage.taker.getNextJob('token');
    await job?.moveToCompleted(null, 'token', false);
    expect(await replicas(stage)).toBe(0);
  });

  it.each([
    ['queries:wait', 'queries:waiting', (on: Stage) => submit(on, 1)],
    ['purges:wait', 'purge:wait', (on: Stage) => on.purges.add(PURGE)],
    ['${keyPrefix}:${', 'audit-query:${', (on: Stage) => submit(on, 1)],
  ])('with the key %s misspelt would ask for none, and be found', async (key, misspelt, act) => {
    expect(BICEP).toContain(key);
    const broken = await setStage(BICEP.replace(key, misspelt));
    try {
      await act(broken);
      expect(await replicas(broken)).toBe(0);
    } finally {
      await broken.stop();
    }
  });

  it('have a fleet grow that has no place left, however few queries wait', () => {
    const { maxReplicas } = stage.app.properties.template.scale;
    const perWorker = Number(toEnvironment(stage.app)['QUERIES_PER_WORKER']);
    for (let workers = 1; workers < maxReplicas; workers += 1) {
      const counts = { 'queries-active': workers * perWorker, 'queries-waiting': 1 };
      expect(toReplicas(stage.app, counts), `${workers} workers`).toBeGreaterThan(workers);
    }
  });

  it.each([
    [0, '', 10],
    [1, '1', 1],
    [8, '8', 3],
    [9, '9', 3],
    [10, '10', 4],
    [1_000, '1000', 10],
  ])(
    'with %i running queries at the most give the workers %j, and have no more of them than %i',
    async (max, given, most) => {
      const app = await readContainerApp(BICEP, { maxRunningQueries: max });
      expect(toEnvironment(app)['MAX_RUNNING_QUERIES']).toBe(given);
      // However many wait; and as many workers as have a place for all that may run.
      expect(toReplicas(app, { 'queries-waiting': 10_000, 'queries-active': max })).toBe(most);
      expect(most * Number(toEnvironment(app)['QUERIES_PER_WORKER'])).toBeGreaterThanOrEqual(Math.min(max, 40));
    },
  );

  it('reach Redis as the workers do: over TLS, with the key from the vault, in strings alone', () => {
    const { configuration, template } = stage.app.properties;
    const known = configuration.secrets.map(({ name }) => name);
    for (const { custom } of template.scale.rules satisfies readonly ScaleRule[]) {
      expect(custom.type).toBe('redis');
      expect(custom.metadata.enableTLS).toBe('true');
      expect(custom.metadata.address).toMatch(/^[^:]+:10000$/);
      expect(Object.values(custom.metadata).filter((value) => typeof value !== 'string')).toEqual([]);
      expect(custom.auth).toEqual([{ secretRef: 'redis-password', triggerParameter: 'password' }]);
      expect(known).toContain(custom.auth[0]?.secretRef);
    }
  });
});
