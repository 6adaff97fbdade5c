import { type Cluster, type Redis, ReplyError, type ChainableCommander } from 'ioredis';
import { createHash } from 'node:crypto';

/**
 * A connection to Redis, be it one server, the primary that Sentinel names, or a cluster. A cluster sends a command to
 * the server that holds its keys, and one that names no key to any: see `pipelineAt`.
 */
export type RedisClient = Redis | Cluster;

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

/** The replies of several commands in one round trip; the first that is an error is thrown. */
export async function runPipeline<T>(pipeline: ChainableCommander): Promise<T[]> {
  const replies = (await pipeline.exec()) ?? [];
  return replies.map(([error, reply]) => {
    if (error) throw error;
    return reply as T;
  });
}

/**
 * A pipeline for commands that name no key, such as INFO and TIME, to the server that holds `key`: a cluster would have
 * any of its servers answer them. The first reply is that of the command that leads there, and says nothing.
 */
export function pipelineAt(redis: RedisClient, key: string): ChainableCommander {
  return redis.pipeline().exists(key);
}

/**
 * Redis' clock, the only one that decides anything: milliseconds since 1970.
 *
 * @param key Any of those that are worked with: each server of a cluster has a clock of its own.
 */
export async function readRedisClock(redis: RedisClient, key: string): Promise<number> {
  const [, time] = (await runPipeline(pipelineAt(redis, key).time())) as [number, [number, number]];
  return toMilliseconds(time);
}

/** The reply of TIME, seconds and microseconds, as milliseconds. */
export function toMilliseconds([seconds, microseconds]: readonly (number | string)[]): number {
  return Number(seconds) * 1_000 + Math.floor(Number(microseconds) / 1_000);
}
