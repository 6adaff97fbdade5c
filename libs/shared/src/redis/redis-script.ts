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
      if (readReplyCode(error) !== 'NOSCRIPT') throw error;
      return (await redis.eval(this.lua, keys.length, ...keys, ...args)) as T;
    }
  }
}

/** The code of an error reply, which is its first word, or of what discarded a transaction; undefined for an error that is not a reply of Redis. */
export function readReplyCode(error: unknown): string | undefined {
  if (!(error instanceof ReplyError)) return undefined;
  const { message } = error as Error;
  // Redis 7.0 has no code for what the user of a script may not do.
  if (message.startsWith("ERR The user executing the script can't ")) return 'NOPERM';
  // What Redis says of a transaction that it discards on EXEC; on an earlier command it has a reply of its own.
  return /^EXECABORT .*: ([A-Z]+) /.exec(message)?.[1] ?? message.split(' ', 1)[0];
}
