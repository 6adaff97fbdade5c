import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { RedisProcess } from '../../support/redis-servers/redis-process';
import { findLeftovers } from './find-leftovers';

let redis: RedisProcess;

beforeAll(async () => {
  redis = await RedisProcess.create({});
});
afterAll(() => redis.stop());
beforeEach(() => redis.client.flushall());

it('finds nothing in what BullMQ and the records keep for good reason', async () => {
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
  ['a job under way', (client) => client.lpush('{t}:queries:active', 'a')],
  ['a job that waits', (client) => client.lpush('{t}:queries:wait', 'a')],
  ['a job that is put off', (client) => client.zadd('{t}:queries:delayed', 1, 'a')],
  ['a record without an end', (client) => client.set('{t}:outcome:a', '{}')],
  [
    'a query that has ended and counts as live',
    async (client) => {
      await client.set('{t}:outcome:a', '{}', 'EX', 60);
      await client.zadd('{t}:live:anonymous', 1, 'a');
    },
  ],
  [
    'a query that counts as live, and whose outcome has expired',
    async (client) => {
      await client.hset('{t}:queries:a', 'progress', '{"ended":true}');
      await client.zadd('{t}:live:anonymous', 1, 'a');
    },
  ],
  [
    'a query that has ended and counts as running',
    async (client) => {
      await client.set('{t}:outcome:a', '{}', 'EX', 60);
      await client.zadd('{t}:status:Running', 1, 'a');
      await client.expire('{t}:status:Running', 60);
    },
  ],
  ['a query that counts as live, of which nothing is left', (client) => client.zadd('{t}:live:anonymous', 1, 'a')],
  ['a job that was never begun', (client) => client.hset(`{t}:queries:${'a'.repeat(32)}`, 'data', '{}')],
  [
    'a job that is being run by nobody',
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
