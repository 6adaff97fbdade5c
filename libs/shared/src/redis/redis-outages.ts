import type { Command, Redis } from 'ioredis';
import { type RedisClient, readReplyCode } from './redis-client';
import { Logger } from '@nestjs/common';

/**
 * Error replies that are no refusal: a script is not loaded yet; a discarded transaction, whose cause has a reply of its own;
 * another server of the cluster holds the key.
 */
const NO_REFUSALS = new Set(['NOSCRIPT', 'EXECABORT', 'MOVED', 'ASK', 'TRYAGAIN']);

/** A refusal has ended when its command succeeds and it was not repeated for this long. */
const ENDED_AFTER_MS = 10_000;

/** A connection that cannot log in retries at least this often. */
const LOGIN_AGAIN_MS = 5_000;

/** A watched connection emits it as `refused`, first and again after a pause, and its code as `refusal ended`. */
export interface RedisRefusal {
  code: string;
  /** `eval` for all scripts, also by EVALSHA. */
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
 * Makes a connection emit each refusal of Redis, and delays each error reply. The same holds for its duplicates, such as
 * the one that BullMQ creates for its blocking reads.
 *
 * @param delayMs How long an error reply is delayed; 0 where a caller waits. BullMQ's worker repeats a refused command at
 *   once and without end, 30,000 times a second; the delay slows each of its loops.
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
    // A command that is resent after an outage passes here again.
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
      // ioredis sends CLIENT SETINFO, which an older server does not know.
      if (command.name !== 'client') onRefused(toName(command), code, error);
      // Do not delay a refused login: meanwhile the connection would act as another user.
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

/** The code with which Redis refuses the login of a connection; undefined when it does not. */
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
 * Writes one log entry when Redis becomes unreachable and one when it is back, instead of one for each attempt; for a
 * cluster, the same for each server, since the cluster may work without one.
 */
export function logRedisOutages(redis: RedisClient): void {
  const logger = new Logger('Redis');
  const log = createOutageLog(logger);
  redis.on('error', (error: NodeJS.ErrnoException) => log.away('Redis', error));
  redis.on('ready', () => log.back('Redis'));
  // Only a cluster emits these.
  redis.on('node error', (error: NodeJS.ErrnoException, place: string) => log.away(`Redis at ${place}`, error));
  redis.on('+node', (node: Redis) => {
    node.on('ready', () => log.back(`Redis at ${node.options.host}:${node.options.port}`));
  });
}

/** Writes one log entry when Redis starts to refuse with a code, and one when it stops, for all connections together. */
export function logRedisRefusals(...connections: readonly RedisClient[]): void {
  const logger = new Logger('Redis');
  const refused = new Set<string>();
  for (const redis of connections) {
    redis.on('refused', ({ code, command, error }: RedisRefusal) => {
      if (!refused.has(code)) logger.error({ code, command, err: error }, 'Redis refuses commands');
      refused.add(code);
    });
    redis.on('refusal ended', (code: string) => {
      // The first connection that succeeds ends it: one that is rarely used would report much later.
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
