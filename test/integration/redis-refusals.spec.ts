import { Worker } from 'bullmq';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import { connectForRequests, connectForWork } from '#shared/redis/connections';
import type { RedisClient } from '#shared/redis/redis-client';
import { findRedisProblem, RedisHealth } from '#shared/redis/redis-health';
import type { RedisRefusal } from '#shared/redis/redis-outages';
import { RedisProcess, SERVICE_USER } from '../support/redis-servers/redis-process';
import { waitUntil } from '../support/wait-until';

const KEY_PREFIX = '{audit-query}';
const EXPECTATIONS = { keyPrefix: KEY_PREFIX, assumeNoeviction: false };

/** BullMQ's main loop alone, with room for a busy machine; without a delay it makes some 20,000. */
const MOST_COMMANDS_A_SECOND = 40;

/** What a server refuses, each with its beginning and its end as commands of its administrator. */
const REFUSALS: readonly [what: string, code: string, begin: string[], end: string[]][] = [
  ['memory that is full', 'OOM', ['CONFIG', 'SET', 'maxmemory', '1'], ['CONFIG', 'SET', 'maxmemory', '0']],
  [
    'too few replicas',
    'NOREPLICAS',
    ['CONFIG', 'SET', 'min-replicas-to-write', '1'],
    ['CONFIG', 'SET', 'min-replicas-to-write', '0'],
  ],
  [
    'a user without INFO',
    'NOPERM',
    ['ACL', 'SETUSER', SERVICE_USER, '-info'],
    ['ACL', 'SETUSER', SERVICE_USER, '+info'],
  ],
  [
    'a user without EVAL',
    'NOPERM',
    ['ACL', 'SETUSER', SERVICE_USER, '-eval', '-evalsha'],
    ['ACL', 'SETUSER', SERVICE_USER, '+eval', '+evalsha'],
  ],
  [
    'a user without a command that scripts call',
    'NOPERM',
    ['ACL', 'SETUSER', SERVICE_USER, '-set'],
    ['ACL', 'SETUSER', SERVICE_USER, '+set'],
  ],
  [
    'a user without the keys',
    'NOPERM',
    ['ACL', 'SETUSER', SERVICE_USER, 'resetkeys', '~other*'],
    ['ACL', 'SETUSER', SERVICE_USER, '~*'],
  ],
];

// The embedded Redis has neither users nor limits.
describe.runIf(inject('redisKind') !== 'embedded')('a Redis that refuses', () => {
  let server: RedisProcess;
  const connections: RedisClient[] = [];

  const run = ([command = '', ...args]: readonly string[]) => server.client.call(command, ...args);
  const url = () => `redis://${SERVICE_USER}:${server.servicePassword}@127.0.0.1:${server.port}`;
  const connect = async (create: (url: string) => RedisClient) => {
    const redis = create(url());
    redis.on('error', () => {});
    connections.push(redis);
    await waitUntil(
      'the connection',
      () => redis.status,
      (status) => status === 'ready',
    );
    return redis;
  };
  const countCommands = async () => {
    const stats = await server.client.info('commandstats');
    return [...stats.matchAll(/calls=(\d+)/g)].reduce((sum, [, count]) => sum + Number(count), 0);
  };

  beforeAll(async () => {
    server = await RedisProcess.create({});
  });
  afterEach(() => {
    for (const redis of connections.splice(0)) redis.disconnect();
  });
  afterAll(() => server.stop());

  it.each(REFUSALS)('for %s is no Redis that is away: %s', async (_what, code, begin, end) => {
    const redis = await connect(connectForRequests);
    await run(begin);
    expect(await findRedisProblem(redis, EXPECTATIONS)).toEqual({ kind: 'refused', code });
    await run(end);
    expect(await findRedisProblem(redis, EXPECTATIONS)).toBeUndefined();
    expect(await server.client.pttl(`${KEY_PREFIX}:probe`)).toBeGreaterThan(0);
  });

  // Without a job BullMQ needs neither of the others.
  it.each(REFUSALS.filter(([what]) => !/INFO|that scripts call/.test(what)))(
    'for %s is asked by a worker a few times a second, and says so once: %s',
    async (_what, code, begin, end) => {
      const redis = await connect(connectForWork);
      const refusals: RedisRefusal[] = [];
      redis.on('refused', (refusal: RedisRefusal) => refusals.push(refusal));
      await run(begin);
      const errors: Error[] = [];
      const options = { connection: redis, prefix: KEY_PREFIX, skipVersionCheck: true };
      const worker = new Worker('refused', async () => {}, options).on('error', (error) => errors.push(error));
      await waitUntil(
        'two refusals',
        () => errors.length,
        (count) => count > 1,
      );
      const [count, begun] = [await countCommands(), performance.now()];
      await waitUntil(
        'four more refusals',
        () => errors.length,
        (length) => length > 5,
      );
      const perSecond = ((await countCommands()) - count) / ((performance.now() - begun) / 1_000);
      expect(perSecond).toBeLessThan(MOST_COMMANDS_A_SECOND);
      expect(refusals.map((refusal) => refusal.code)).toEqual([code]);
      await run(end);
      await worker.close();
    },
  );

  it('is reached by a worker whose version check was refused as it started', async () => {
    await run(['ACL', 'SETUSER', SERVICE_USER, '-info']);
    const redis = await connect(connectForWork);
    const worker = new Worker('refused', async () => {}, {
      ...{ connection: redis, prefix: KEY_PREFIX, skipVersionCheck: true },
      autorun: false,
    });
    await worker.waitUntilReady();
    await worker.close();
    await run(['ACL', 'SETUSER', SERVICE_USER, '+info']);
  });

  it('does not delay the reply for a script that is not loaded', async () => {
    const redis = await connect(connectForWork);
    const refusals: RedisRefusal[] = [];
    redis.on('refused', (refusal: RedisRefusal) => refusals.push(refusal));
    await expect(redis.evalsha('0'.repeat(40), 0)).rejects.toThrow('NOSCRIPT');
    expect(refusals).toEqual([]);
  });

  it.each([
    ['requests', connectForRequests],
    ['work', connectForWork],
  ])('for a password that was changed is no Redis that is away, to a connection for %s', async (_name, open) => {
    const redis = await connect(open);
    await run(['ACL', 'SETUSER', SERVICE_USER, 'resetpass', '>another']);
    await run(['CLIENT', 'KILL', 'USER', SERVICE_USER]);
    let wasReady = false;
    redis.on('ready', () => (wasReady = true));
    await waitUntil(
      'the refusal',
      () => findRedisProblem(redis, EXPECTATIONS),
      (problem) => problem?.kind === 'refused' && problem.code === 'WRONGPASS',
    );
    // As the default user, who needs no password.
    expect(wasReady).toBe(false);
    await run(['ACL', 'SETUSER', SERVICE_USER, 'resetpass', `>${server.servicePassword}`]);
    await waitUntil(
      'its end',
      () => findRedisProblem(redis, EXPECTATIONS),
      (problem) => problem === undefined,
    );
  });

  it('is asked for its health every other second at the most, however many ask', async () => {
    const health = new RedisHealth(await connect(connectForRequests), EXPECTATIONS);
    await health.findProblem();
    const count = await countCommands();
    for (let i = 0; i < 50; i += 1) await health.findProblem();
    // This count, and nothing else.
    expect((await countCommands()) - count).toBeLessThan(5);
    await run(['CONFIG', 'SET', 'min-replicas-to-write', '1']);
    await waitUntil(
      'the refusal',
      () => health.findProblem(),
      (problem) => problem?.kind === 'refused',
    );
    await run(['CONFIG', 'SET', 'min-replicas-to-write', '0']);
  });
});
