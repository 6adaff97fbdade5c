import { Redis, type RedisOptions } from 'ioredis';
import { coalesceWrites } from './coalesce-writes';

/** A bound for every single command, above the one that callers are promised an answer by. */
const REQUEST_TIMEOUT_MS = 1_500;

/** Longer than BullMQ's own blocking reads, which are silent by design for up to ten seconds. */
const SILENCE_LIMIT_MS = 30_000;

/** After an outage everyone is back within this; ioredis' own default grows far beyond. */
const RECONNECT_LIMIT_MS = 1_000;

const COMMON: RedisOptions = {
  keepAlive: 10_000,
  retryStrategy: (attempt) => Math.min(attempt * 50, RECONNECT_LIMIT_MS),
  // A demoted primary says READONLY: the new one is behind the same address.
  reconnectOnError: (error) => error.message.startsWith('READONLY'),
};

/**
 * For whoever has a caller waiting: fails at once while Redis is away and soon when it is silent.
 * Nothing is kept back for later, so that no job appears after its submitter was told that there is none.
 */
export function connectForRequests(url: string): Redis {
  return coalesceWrites(
    new Redis(url, {
      ...COMMON,
      commandTimeout: REQUEST_TIMEOUT_MS,
      connectTimeout: REQUEST_TIMEOUT_MS,
      enableOfflineQueue: false,
      autoResendUnfulfilledCommands: false,
      maxRetriesPerRequest: 1,
    }),
  );
}

/**
 * For workers: waits as long as Redis is away. Never with a command time-out, which would cut BullMQ's blocking reads.
 */
export function connectForWork(url: string): Redis {
  return new Redis(url, { ...COMMON, maxRetriesPerRequest: null, socketTimeout: SILENCE_LIMIT_MS });
}
