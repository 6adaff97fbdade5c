import { createHash } from 'node:crypto';
import { ReplyError } from 'ioredis';
import type { RedisClient } from './redis-client';

/** A Lua script that Redis runs as one step, with nothing else in between. */
export class RedisScript<T> {
  private readonly sha1: string;

  constructor(private readonly lua: string) {
    this.sha1 = createHash('sha1').update(lua).digest('hex');
  }

  async run(redis: RedisClient, keys: readonly string[], args: readonly (string | number | Buffer)[]): Promise<T> {
    try {
      return (await redis.evalsha(this.sha1, keys.length, ...keys, ...args)) as T;
    } catch (error) {
      // Redis forgets its scripts when it restarts.
      if (!isReplyError(error, 'NOSCRIPT')) throw error;
      return (await redis.eval(this.lua, keys.length, ...keys, ...args)) as T;
    }
  }
}

/** Whether Redis answered with this error code, which is the first word of its reply. */
export function isReplyError(error: unknown, code: string): boolean {
  return error instanceof ReplyError && (error as Error).message.startsWith(`${code} `);
}
