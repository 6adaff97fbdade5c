import type { Redis } from 'ioredis';

/** What lies in Redis under a key, as bytes, its name included. */
export interface RedisEntry {
  key: string;
  bytes: Buffer;
}

type Read = (redis: Redis, key: string) => Promise<unknown>;

/** Not DUMP, which packs texts so that they are not found in it. */
const READ_BY_TYPE: Record<string, Read> = {
  string: (redis, key) => redis.getBuffer(key),
  hash: (redis, key) => redis.hgetallBuffer(key).then((fields) => Object.entries(fields).flat()),
  list: (redis, key) => redis.lrangeBuffer(key, 0, -1),
  set: (redis, key) => redis.smembersBuffer(key),
  zset: (redis, key) => redis.zrangeBuffer(key, 0, -1),
  stream: (redis, key) => redis.xrangeBuffer(key, '-', '+'),
};

/** Everything whose name begins with the prefix: every key, value, member and entry of a stream. */
export async function dumpRedis(redis: Redis, prefix: string): Promise<RedisEntry[]> {
  const keys = (await redis.keys('*')).filter((key) => key.startsWith(prefix));
  return Promise.all(
    keys.map(async (key) => {
      const type = await redis.type(key);
      const read = READ_BY_TYPE[type];
      if (read === undefined) throw new Error(`${key} is a ${type}, which nobody has taught this to read`);
      return { key, bytes: Buffer.concat([Buffer.from(key), ...toBuffers(await read(redis, key))]) };
    }),
  );
}

function toBuffers(value: unknown): Buffer[] {
  if (Buffer.isBuffer(value)) return [value];
  if (Array.isArray(value)) return value.flatMap(toBuffers);
  return [Buffer.from(String(value))];
}
