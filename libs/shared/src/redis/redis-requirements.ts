import { type Redis, ReplyError } from 'ioredis';
import type { RedisClient } from './redis-client';

/** Redis below this reports an error inside a script without its code as the first word. */
const MINIMUM_VERSION = [7, 0] as const;

/** The codes of an unknown command, and of one that the user may not call; every other code is a refusal that passes. */
const LACKS = /^(ERR|NOPERM) /;

/** The throw-away keys of a check: one of each type. */
function toProbeKeys(keyPrefix: string) {
  const key = (type: string) => `${keyPrefix}:requirements:${type}`;
  return {
    string: key('string'),
    list: key('list'),
    moved: key('moved'),
    hash: key('hash'),
    set: key('set'),
    sorted: key('sorted'),
    stream: key('stream'),
    channel: key('channel'),
  };
}

/**
 * Every command that our scripts and BullMQ's call, and those that both send outside of scripts, each with arguments that
 * a fit server accepts. The order matters: a command may need keys that an earlier one wrote.
 */
export function listProbes(keyPrefix: string): string[][] {
  const { string, list, moved, hash, set, sorted, stream, channel } = toProbeKeys(keyPrefix);
  return [
    ['SET', string, '1', 'PX', '60000'],
    ['GET', string],
    ['MGET', string],
    ['INCR', string],
    ['INCRBY', string, '1'],
    ['APPEND', string, '1'],
    ['SETRANGE', string, '0', '1'],
    ['GETRANGE', string, '0', '0'],
    ['STRLEN', string],
    ['EXISTS', string],
    ['TYPE', string],
    ['PTTL', string],
    ['PERSIST', string],
    ['EXPIRE', string, '60'],
    ['PEXPIRE', string, '60000'],
    ['PEXPIREAT', string, '33000000000000'],
    ['RPUSH', list, 'a', 'b'],
    ['LPUSH', list, 'a', 'b'],
    ['PEXPIRE', list, '60000'],
    ['LLEN', list],
    ['LINDEX', list, '0'],
    ['LPOS', list, 'a'],
    ['LRANGE', list, '0', '-1'],
    ['LREM', list, '1', 'c'],
    ['LSET', list, '0', 'a'],
    ['LTRIM', list, '0', '9'],
    ['LPOP', list],
    ['RPOP', list],
    ['RPOPLPUSH', list, list],
    ['RENAME', list, moved],
    ['HSET', hash, 'a', '1', 'b', '1'],
    ['HMSET', hash, 'c', '1'],
    ['PEXPIRE', hash, '60000'],
    ['HGET', hash, 'a'],
    ['HMGET', hash, 'a', 'b'],
    ['HGETALL', hash],
    ['HEXISTS', hash, 'a'],
    ['HINCRBY', hash, 'a', '1'],
    ['HLEN', hash],
    ['HDEL', hash, 'b'],
    ['SADD', set, 'a', 'b'],
    ['PEXPIRE', set, '60000'],
    ['SCARD', set],
    ['SISMEMBER', set, 'a'],
    ['SMEMBERS', set],
    ['SREM', set, 'b'],
    ['ZADD', sorted, '1', 'a', '2', 'b'],
    ['PEXPIRE', sorted, '60000'],
    ['ZCARD', sorted],
    ['ZCOUNT', sorted, '-inf', '+inf'],
    ['ZSCORE', sorted, 'a'],
    ['ZRANGE', sorted, '0', '-1'],
    ['ZREVRANGE', sorted, '0', '-1'],
    ['ZRANGEBYSCORE', sorted, '-inf', '+inf'],
    ['ZREVRANGEBYSCORE', sorted, '+inf', '-inf'],
    ['ZREM', sorted, 'b'],
    ['ZREMRANGEBYRANK', sorted, '9', '9'],
    ['ZREMRANGEBYSCORE', sorted, '9', '9'],
    ['ZPOPMIN', sorted],
    ['XADD', stream, 'MAXLEN', '~', '10', '*', 'a', '1'],
    ['PEXPIRE', stream, '60000'],
    ['XTRIM', stream, 'MAXLEN', '~', '10'],
    ['XREVRANGE', stream, '+', '-', 'COUNT', '1'],
    ['TIME'],
    ['PUBLISH', channel, ''],
    ['UNLINK', string],
    ['DEL', string],
  ];
}

/**
 * KEYS all keys that the probes write; ARGV the probes as JSON. The script deletes the keys, and keeps them out of the
 * append-only file and the replicas where the server supports that.
 */
const TRY = `
if redis.set_repl then pcall(redis.set_repl, redis.REPL_NONE) end
redis.pcall('DEL', unpack(KEYS))
local failed = {}
for _, probe in ipairs(cjson.decode(ARGV[1])) do
  local reply = redis.pcall(unpack(probe))
  if type(reply) == 'table' and reply.err then table.insert(failed, { probe[1], reply.err }) end
end
if not pcall(function() return cmsgpack.unpack(cmsgpack.pack({ 1 })) end) then
  table.insert(failed, { 'cmsgpack', 'ERR this library of scripts is missing' })
end
redis.pcall('DEL', unpack(KEYS))
return failed`;

interface Failure {
  what: string;
  /** The error reply of Redis, with its code. */
  reply: string;
}

/**
 * Returns what the server or the rights of the user lack that the service and BullMQ need, as a text for operators;
 * undefined when nothing is missing. A refusal that passes, such as OOM or READONLY, is ignored. Takes two round trips and
 * changes nothing: it does not read the rights but uses them, on keys of its own.
 *
 * @param subscriber Tries SUBSCRIBE if it is ready; no other connection can.
 * @throws What ioredis throws when the connection fails.
 */
export async function checkRedisRequirements(
  redis: RedisClient,
  keyPrefix: string,
  subscriber?: Redis,
): Promise<string | undefined> {
  const failures = [
    ...(await tryScripts(redis, keyPrefix)),
    ...(await tryDirectly(redis, keyPrefix)),
    ...(await trySubscribing(subscriber, keyPrefix)),
  ];
  const lacks = failures.filter(({ reply }) => LACKS.test(reply));
  if (lacks[0] === undefined) return undefined;
  return `${[...new Set(lacks.map(({ what }) => what))].join(', ')} (${lacks[0].reply})`;
}

async function tryScripts(redis: RedisClient, keyPrefix: string): Promise<Failure[]> {
  const { channel: _, ...keys } = toProbeKeys(keyPrefix);
  try {
    const names = Object.values(keys);
    const failed = await redis.eval(TRY, names.length, ...names, JSON.stringify(listProbes(keyPrefix)));
    return (failed as [string, string][]).map(([what, reply]) => ({ what, reply }));
  } catch (error) {
    return [toFailure('EVAL', error)];
  }
}

/** The hash of no script: EVALSHA replies NOSCRIPT, or NOPERM when the user may not call it. */
const NO_SCRIPT = '0'.repeat(40);

/** Commands that no script may call. In a transaction they do not block. */
async function tryDirectly(redis: RedisClient, keyPrefix: string): Promise<Failure[]> {
  const { sorted } = toProbeKeys(keyPrefix);
  try {
    const transaction = redis.multi().bzpopmin(sorted, 0.1).evalsha(NO_SCRIPT, 0).info('server');
    const [popped, called, info] = (await transaction.exec()) ?? [];
    const failures = { BZPOPMIN: popped?.[0], EVALSHA: called?.[0], INFO: info?.[0] };
    const failed = Object.entries(failures).flatMap(([what, error]) => (error ? [toFailure(what, error)] : []));
    return [...failed, ...findOldVersion(String(info?.[1]))];
  } catch (error) {
    return toTransactionFailures(error);
  }
}

async function trySubscribing(subscriber: Redis | undefined, keyPrefix: string): Promise<Failure[]> {
  if (subscriber?.status !== 'ready') return [];
  const { channel } = toProbeKeys(keyPrefix);
  try {
    await subscriber.subscribe(channel);
    await subscriber.unsubscribe(channel);
    return [];
  } catch (error) {
    return [toFailure('SUBSCRIBE', error)];
  }
}

/**
 * ioredis adds to EXECABORT the error reply of each refused command; the reason for a refused EXEC follows the code in the
 * text.
 */
function toTransactionFailures(error: unknown): Failure[] {
  const { previousErrors = [] } = error as { previousErrors?: { command: { name: string } }[] };
  if (previousErrors.length > 0) return previousErrors.map((one) => toFailure(one.command.name.toUpperCase(), one));
  const { what, reply } = toFailure('EXEC', error);
  return [{ what, reply: reply.replace(/^EXECABORT .+?: /, '') }];
}

function toFailure(what: string, error: unknown): Failure {
  if (error instanceof ReplyError) return { what, reply: (error as Error).message };
  throw error;
}

/** A server that reports no version of Redis is checked by the commands alone. */
function findOldVersion(info: string): Failure[] {
  const [, version, major = 0, minor = 0] = /^redis_version:((\d+)\.(\d+)\S*)/m.exec(info) ?? [];
  const [leastMajor, leastMinor] = MINIMUM_VERSION;
  if (version === undefined || Number(major) > leastMajor) return [];
  if (Number(major) === leastMajor && Number(minor) >= leastMinor) return [];
  return [{ what: `Redis ${MINIMUM_VERSION.join('.')} or later`, reply: `ERR the server is ${version}` }];
}
