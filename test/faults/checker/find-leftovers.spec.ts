import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { RedisProcess } from '../../support/redis-servers/redis-process';
import { findLeftovers } from './find-leftovers';

let redis: RedisProcess;

beforeAll(async () => {
  redis = await RedisProcess.create({});
});
afterAll(() => redis.stop());
beforeEach(() => redis.client.flushall());

it('accepts the keys that BullMQ and the records keep', async () => {
  const { client } = redis;
  await client.hset(`{t}:queries:${'a'.repeat(32)}`, 'progress', '{"ended":true}');
  await client.hset(`{t}:queries:${'b'.repeat(32)}`, 'progress', '{"startedAt":1}');
  await client.set(`{t}:outcome:${'b'.repeat(32)}`, '{}', 'EX', 60);
  await client.zadd('{t}:queries:completed', 1, 'a'.repeat(32));
  await client.set('{t}:outcome:a', '{}', 'EX', 60);
  await client.zadd('{t}:live:anonymous', 1, 'unknown');
  await client.zadd('{t}:queries-of:anonymous', 1, 'a');
  expect(await findLeftovers(client, '{t}', 1)).toEqual([]);
});

it.each<[string, (client: RedisProcess['client']) => Promise<unknown>]>([
  ['a lock', (client) => client.set('{t}:queries:a:lock', 'x', 'EX', 60)],
  ['an active job', (client) => client.lpush('{t}:queries:active', 'a')],
  ['a waiting job', (client) => client.lpush('{t}:queries:wait', 'a')],
  ['a delayed job', (client) => client.zadd('{t}:queries:delayed', 1, 'a')],
  ['a record without an expiry', (client) => client.set('{t}:outcome:a', '{}')],
  [
    'an ended query in a list of live queries',
    async (client) => {
      await client.set('{t}:outcome:a', '{}', 'EX', 60);
      await client.zadd('{t}:live:anonymous', 1, 'a');
    },
  ],
  [
    'a query with an expired outcome in a list of live queries',
    async (client) => {
      await client.hset('{t}:queries:a', 'progress', '{"ended":true}');
      await client.zadd('{t}:live:anonymous', 1, 'a');
    },
  ],
  [
    'an ended query in the list of running queries',
    async (client) => {
      await client.set('{t}:outcome:a', '{}', 'EX', 60);
      await client.zadd('{t}:status:Running', 1, 'a');
      await client.expire('{t}:status:Running', 60);
    },
  ],
  ['a query without a record in a list of live queries', (client) => client.zadd('{t}:live:anonymous', 1, 'a')],
  ['a job that no worker has started', (client) => client.hset(`{t}:queries:${'a'.repeat(32)}`, 'data', '{}')],
  [
    'a started job that no worker runs',
    (client) => client.hset(`{t}:queries:${'a'.repeat(32)}`, 'progress', '{"startedAt":1}'),
  ],
  [
    'a stream that is not trimmed',
    async (client) => {
      const pipeline = client.pipeline();
      for (let i = 0; i < 11_001; i += 1) pipeline.xadd('{t}:queries:events', '*', 'event', 'x');
      await pipeline.exec();
    },
  ],
])('I6 refuses %s', async (_name, leave) => {
  await leave(redis.client);
  expect(await findLeftovers(redis.client, '{t}')).toEqual([expect.stringMatching('^I6')]);
});
