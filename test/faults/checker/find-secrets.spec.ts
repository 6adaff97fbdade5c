import { afterAll, beforeAll, expect, it } from 'vitest';
import { RedisProcess } from '../../support/redis-servers/redis-process';
import { waitUntil } from '../../support/wait-until';
import { findSecrets } from './find-secrets';

let redis: RedisProcess;

beforeAll(async () => {
  redis = await RedisProcess.create({});
});
afterAll(() => redis.stop());

it.each<[string, (client: RedisProcess['client']) => Promise<unknown>]>([
  ['in its rewritten append-only file', (client) => client.bgrewriteaof()],
  ['in a snapshot', (client) => client.save()],
])('I7 refuses a deleted secret that Redis still has %s', async (place, keep) => {
  const { client } = redis;
  // A compressed file would not contain so many equal letters.
  const secret = `${place}${'x'.repeat(200)}`;
  const find = async () => findSecrets({ Redis: (await redis.readFiles()).toString('latin1') }, [secret]);
  await client.config('SET', 'appendonly', 'no');
  await waitUntil(
    'the append-only file to be closed',
    () => client.info('persistence'),
    (info) => info.includes('aof_enabled:0'),
  );
  await client.set('secret', secret);
  await keep(client);
  await waitUntil('the secret to be in a file', find, (found) => found.length > 0);
  await client.del('secret');
  expect(await find()).toEqual(['I7: secret 0 is in Redis']);
});
