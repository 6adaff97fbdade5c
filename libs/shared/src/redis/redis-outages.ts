import type { Command, Redis } from 'ioredis';
import { type RedisClient, readReplyCode } from './redis-client';
import { Logger } from '@nestjs/common';

/**
 * Error replies of a Redis that works: a script is not loaded yet; a transaction, whose cause has a reply of its own; a key
 * of a cluster is at another server.
 */
const NO_REFUSALS = new Set(['NOSCRIPT', 'EXECABORT', 'MOVED', 'ASK', 'TRYAGAIN']);

/** A refusal that was not repeated for this long has ended when its command succeeds. */
const ENDED_AFTER_MS = 10_000;

/** A connection that cannot log in tries again at least this often. */
const LOGIN_AGAIN_MS = 5_000;

/** Emitted by a watched connection as `refused`, at first and after a pause; its code later as `refusal ended`. */
export interface RedisRefusal {
  code: string;
  /** Scripts are `eval`, however they were called. */
  command: string;
  error: Error;
}

interface OpenRefusal {
  command: string;
  lastAt: number;
}

/** By the connection that emits them. */
const openRefusals = new WeakMap<RedisClient, Map<string, OpenRefusal>>();

/**
 * Has a connection emit what Redis refuses, and delays each error reply. Also of its duplicates, such as the one that
 * BullMQ makes for its blocking reads.
 *
 * @param delayMs How long an error reply is held back. BullMQ's worker repeats a refused command at once, for ever, at
 *   30,000 commands a second; with this, each of its loops is as slow as that, whatever it calls. 0 where a caller waits.
 */
export function watchRefusals<T extends RedisClient>(redis: T, delayMs: number): T {
  const open = new Map<string, OpenRefusal>();
  openRefusals.set(redis, open);

  const onRefused = (command: string, code: string, error: Error) => {
    const { lastAt = -Infinity } = open.get(code) ?? {};
    const isNew = performance.now() - lastAt >= ENDED_AFTER_MS;
    open.set(code, { command, lastAt: performance.now() });
    if (isNew) redis.emit('refused', { code, command, error } satisfies RedisRefusal);
  };
  const onSuccess = (command: string) => {
    for (const [code, refusal] of open) {
      if (refusal.command !== command || performance.now() - refusal.lastAt < ENDED_AFTER_MS) continue;
      open.delete(code);
      redis.emit('refusal ended', code);
    }
  };

  const seen = new WeakSet<Command>();
  const watchCommand = (command: Command) => {
    // One that is sent again after an outage comes here again.
    if (seen.has(command)) return;
    seen.add(command);
    const { resolve, reject } = command;
    command.resolve = (reply) => {
      if (open.size > 0) onSuccess(toName(command));
      resolve(reply);
    };
    command.reject = (error) => {
      const code = readReplyCode(error);
      if (code === undefined || NO_REFUSALS.has(code)) return reject(error);
      // ioredis names itself to the server, which an older one does not know.
      if (command.name !== 'client') onRefused(toName(command), code, error);
      // A login that is refused must not be held back: meanwhile the connection would work as another user.
      if (delayMs === 0 || command.name === 'auth') return reject(error);
      setTimeout(() => reject(error), delayMs);
    };
  };

  const watch = (client: RedisClient) => {
    const sendCommand = client.sendCommand.bind(client) as (...args: unknown[]) => unknown;
    client.sendCommand = (command: Command, ...rest: unknown[]) => {
      watchCommand(command);
      return sendCommand(command, ...rest);
    };
    const duplicate = client.duplicate.bind(client) as (...args: unknown[]) => RedisClient;
    client.duplicate = ((...args: unknown[]) => watch(duplicate(...args))) as never;
    return client;
  };
  return watch(redis) as T;
}

/** The code with which Redis refuses to let a connection log in, while it does. */
export function readLoginRefusal(redis: RedisClient): string | undefined {
  return ['WRONGPASS', 'NOAUTH'].find((code) => {
    const refusal = openRefusals.get(redis)?.get(code);
    return refusal !== undefined && performance.now() - refusal.lastAt < LOGIN_AGAIN_MS;
  });
}

function toName({ name }: Command): string {
  return name === 'evalsha' ? 'eval' : name;
}

/**
 * One line when Redis goes and one when it is back, instead of one for each attempt to reach it; of a cluster, the same
 * for each of its servers, since it may go on without one.
 */
export function logRedisOutages(redis: RedisClient): void {
  const logger = new Logger('Redis');
  const log = createOutageLog(logger);
  redis.on('error', (error: NodeJS.ErrnoException) => log.away('Redis', error));
  redis.on('ready', () => log.back('Redis'));
  // Only a cluster tells these.
  redis.on('node error', (error: NodeJS.ErrnoException, place: string) => log.away(`Redis at ${place}`, error));
  redis.on('+node', (node: Redis) => {
    node.on('ready', () => log.back(`Redis at ${node.options.host}:${node.options.port}`));
  });
}

/** One log entry when Redis begins to refuse with a code, and one when it has ended, for all connections together. */
export function logRedisRefusals(...connections: readonly RedisClient[]): void {
  const logger = new Logger('Redis');
  const refused = new Set<string>();
  for (const redis of connections) {
    redis.on('refused', ({ code, command, error }: RedisRefusal) => {
      if (!refused.has(code)) logger.error({ code, command, err: error }, 'Redis refuses commands');
      refused.add(code);
    });
    redis.on('refusal ended', (code: string) => {
      // One that is rarely used would be the last to notice.
      if (refused.delete(code)) logger.log({ code }, 'Redis accepts commands again');
    });
  }
}

function createOutageLog(logger: Logger) {
  const away = new Set<string>();
  return {
    away(what: string, error: NodeJS.ErrnoException): void {
      if (!away.has(what)) logger.error({ code: error.code ?? readReplyCode(error) ?? error.name }, `${what} is away`);
      away.add(what);
    },
    back(what: string): void {
      if (away.delete(what)) logger.log(`${what} is back`);
    },
  };
}
