import { type Cluster, type Redis, ReplyError, type ChainableCommander } from 'ioredis';
import { createHash } from 'node:crypto';

/**
 * A connection to one server, to the primary that Sentinel names, or to a cluster. A cluster sends a command to the server
 * that holds its keys, and a command without a key to any server: see `pipelineAt`.
 */
export type RedisClient = Redis | Cluster;

/** A Lua script, which Redis runs atomically. */
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

/** The code of an error reply: its first word, or that of the reply which discarded a transaction. Undefined for any other error. */
export function readReplyCode(error: unknown): string | undefined {
  if (!(error instanceof ReplyError)) return undefined;
  const { message } = error as Error;
  // Redis 7.0 has no code for a command that the user of a script may not run.
  if (message.startsWith("ERR The user executing the script can't ")) return 'NOPERM';
  // A transaction that Redis discards on EXEC; an earlier command that it refuses has an error reply of its own.
  return /^EXECABORT .*: ([A-Z]+) /.exec(message)?.[1] ?? message.split(' ', 1)[0];
}

/** Returns the replies of several commands in one round trip; throws the first error reply. */
export async function runPipeline<T>(pipeline: ChainableCommander): Promise<T[]> {
  const replies = (await pipeline.exec()) ?? [];
  return replies.map(([error, reply]) => {
    if (error) throw error;
    return reply as T;
  });
}

/**
 * A pipeline for commands without a key, such as INFO and TIME, to the server that holds `key`: a cluster would send them
 * to any server. The first reply is that of the EXISTS that selects the server; ignore it.
 */
export function pipelineAt(redis: RedisClient, key: string): ChainableCommander {
  return redis.pipeline().exists(key);
}

/**
 * Returns the time by Redis' clock, the only one that decides anything: milliseconds since 1970.
 *
 * @param key Any key that the caller works with: each server of a cluster has its own clock.
 */
export async function readRedisClock(redis: RedisClient, key: string): Promise<number> {
  const [, time] = (await runPipeline(pipelineAt(redis, key).time())) as [number, [number, number]];
  return toMilliseconds(time);
}

/** Converts the reply of TIME, seconds and microseconds, to milliseconds. */
export function toMilliseconds([seconds, microseconds]: readonly (number | string)[]): number {
  return Number(seconds) * 1_000 + Math.floor(Number(microseconds) / 1_000);
}
