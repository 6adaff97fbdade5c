import { Cluster, type Redis } from 'ioredis';
import type { RedisClient } from './redis-client';

/**
 * ioredis hears the first error of a connection alone. Over TLS there can be two, of a server that has another name and
 * whose connection is closed meanwhile, and an error that nobody hears ends the process.
 */
export function hearLateErrors<T extends RedisClient>(redis: T): T {
  if (redis instanceof Cluster) redis.on('+node', hearOne);
  else hearOne(redis);
  return redis;
}

function hearOne(redis: Redis): void {
  redis.on('error', () => {
    // None before the sentinels have told where to.
    const stream = redis.stream as typeof redis.stream | undefined;
    if (stream?.listenerCount('error') === 0) stream.on('error', () => {});
  });
}
