import { Logger } from '@nestjs/common';
import type { Redis } from 'ioredis';
import { orAborted, pause } from '../process/retry';
import { type RedisClient, pipelineAt, readReplyCode, runPipeline } from './redis-client';
import { checkRedisRequirements } from './redis-requirements';

/** The timeout of a check; the next one follows soon. */
const CHECK_LIMIT_MS = 5_000;

const RECHECK_UNFIT_MS = 5_000;

/** Rights and settings may change while a connection stays open. */
const RECHECK_FIT_MS = 60_000;

const REREAD_MS = 200;

interface Watch {
  /** Resolves with the first finding; an unreachable server delays it. */
  begun: Promise<void>;
  /** What the server or the rights of the user lack. */
  missing: string | undefined;
}

const watches = new WeakMap<RedisClient, Watch>();

/**
 * Checks repeatedly whether the server of a connection can do what the service needs, and whether it keeps acknowledged
 * writes: at the start, after each reconnect (the address may lead to another server), every few seconds while something is
 * missing, and else every minute. Logs each finding once, and its end. Stops with the connection.
 *
 * @param subscriber The connection that receives changes, if the process has one: only it can try SUBSCRIBE.
 */
export function watchRedisFitness(redis: RedisClient, keyPrefix: string, subscriber?: Redis): void {
  let resolveBegun: () => void = () => {};
  const watch: Watch = { begun: new Promise((resolve) => (resolveBegun = resolve)), missing: undefined };
  watches.set(redis, watch);
  const log = createFindingLog();
  let timer: NodeJS.Timeout | undefined;
  let isChecking = false;
  let isDue = false;

  /** @returns Whether nothing is missing; undefined when the check failed. */
  const check = async (): Promise<boolean | undefined> => {
    try {
      const limit = AbortSignal.timeout(CHECK_LIMIT_MS);
      const missing = await orAborted(checkRedisRequirements(redis, keyPrefix, subscriber), limit);
      watch.missing = missing;
      resolveBegun();
      log.fitness(missing);
      if (missing !== undefined) return false;
      log.loss(isLossy(await orAborted(readAppendOnlyFile(redis, keyPrefix), limit)) === true);
      return true;
    } catch {
      // The connection broke, which is logged elsewhere, or the server is too slow at the moment.
      return undefined;
    }
  };
  const checkWhenReady = async () => {
    isDue = true;
    if (isChecking) return;
    isChecking = true;
    clearTimeout(timer);
    let isFit: boolean | undefined;
    while (isDue && redis.status === 'ready') {
      isDue = false;
      isFit = await check();
    }
    isChecking = false;
    timer = setTimeout(() => void checkWhenReady(), isFit ? RECHECK_FIT_MS : RECHECK_UNFIT_MS).unref();
  };
  for (const connection of [redis, subscriber]) connection?.on('ready', () => void checkWhenReady());
  redis.on('end', () => clearTimeout(timer));
  void checkWhenReady();
}

/**
 * Returns what the server of a watched connection or the rights of its user lack, as a text for operators; undefined when
 * nothing is missing, or when the connection is not watched. Waits for the first check.
 */
export async function findMissing(redis: RedisClient): Promise<string | undefined> {
  const watch = watches.get(redis);
  await watch?.begun;
  return watch?.missing;
}

/**
 * Resolves when a check finds that the server of a watched connection lacks nothing.
 *
 * @throws The signal's reason.
 */
export async function untilFit(redis: RedisClient, signal: AbortSignal): Promise<void> {
  while ((await orAborted(findMissing(redis), signal)) !== undefined) {
    await pause(REREAD_MS, signal);
  }
}

function createFindingLog() {
  const logger = new Logger('Redis');
  let missing: string | undefined;
  let isLost = false;
  return {
    fitness(now: string | undefined): void {
      if (now === missing) return;
      missing = now;
      if (now === undefined) logger.log('Redis has all that this service needs');
      else logger.error({ missing: now }, `Redis cannot be used: ${now}. See docs/redis.md for servers and rights`);
    },
    loss(now: boolean): void {
      if (now === isLost) return;
      isLost = now;
      if (now) logger.warn('Accepted queries are lost if Redis is killed: it appends to no file. See docs/redis.md');
      else logger.log('Redis appends accepted queries to its file');
    },
  };
}

/**
 * Which failures an acknowledged write survives.
 *
 * | level | survives | settings |
 * |---|---|---|
 * | disk | a power cut | appendonly yes, appendfsync always |
 * | second | a killed Redis; a power cut but for the last second or two | appendonly yes, appendfsync everysec |
 * | system | a killed Redis | appendonly yes, appendfsync no |
 * | file | a killed Redis, perhaps more | appendonly yes; appendfsync cannot be read |
 * | none | nothing: writes after the last snapshot are lost | appendonly no |
 * | unknown | not known | the server does not report it, as managed ones do not |
 */
export const DurabilityLevel = {
  Disk: 'disk',
  Second: 'second',
  System: 'system',
  File: 'file',
  None: 'none',
  Unknown: 'unknown',
} as const;
type DurabilityLevel = (typeof DurabilityLevel)[keyof typeof DurabilityLevel];

interface RedisDurability {
  level: DurabilityLevel;
  /** Whether the last write to the append-only file succeeded; null without a file, or when Redis does not report it. */
  lastWriteOk: boolean | null;
}

const LEVELS_BY_FSYNC: Readonly<Record<string, DurabilityLevel>> = {
  always: DurabilityLevel.Disk,
  everysec: DurabilityLevel.Second,
  no: DurabilityLevel.System,
};

/** The append-only file as Redis reports it; null when it does not. */
interface AppendOnlyFile {
  isOn: boolean | null;
  lastWriteOk: boolean | null;
}

/** @param key Any key that the caller works with: of a cluster, the server that holds it is asked. */
export async function readAppendOnlyFile(redis: RedisClient, key: string): Promise<AppendOnlyFile> {
  const [, text] = (await runPipeline(pipelineAt(redis, key).info('persistence'))) as [number, string];
  const read = (field: string) => new RegExp(`^${field}:(\\S+)`, 'm').exec(text)?.[1];
  const enabled = read('aof_enabled');
  if (enabled !== '1') return { isOn: enabled === undefined ? null : false, lastWriteOk: null };
  const status = read('aof_last_write_status');
  return { isOn: true, lastWriteOk: status === undefined ? null : status === 'ok' };
}

/** Whether a killed Redis loses accepted queries; undefined when Redis does not report enough. */
export function isLossy({ isOn, lastWriteOk }: AppendOnlyFile): boolean | undefined {
  return isOn === null ? undefined : !isOn || lastWriteOk === false;
}

/**
 * Also reads `appendfsync`, which most users may not: each denied attempt adds an entry to Redis' ACL log. Call it when an
 * operator asks, not on a timer.
 *
 * @param key See `readAppendOnlyFile`.
 */
export async function readRedisDurability(redis: RedisClient, key: string): Promise<RedisDurability> {
  const { isOn, lastWriteOk } = await readAppendOnlyFile(redis, key);
  if (isOn) return { level: await readFileLevel(redis, key), lastWriteOk };
  return { level: isOn === null ? DurabilityLevel.Unknown : DurabilityLevel.None, lastWriteOk };
}

/** CONFIG is denied to most users, and absent from managed servers. */
async function readFileLevel(redis: RedisClient, key: string): Promise<DurabilityLevel> {
  try {
    const pipeline = pipelineAt(redis, key).config('GET', 'appendfsync');
    const [, setting] = (await runPipeline(pipeline)) as [number, string[]];
    return LEVELS_BY_FSYNC[setting[1] ?? ''] ?? DurabilityLevel.File;
  } catch (error) {
    if (['NOPERM', 'ERR'].includes(readReplyCode(error) ?? '')) return DurabilityLevel.File;
    throw error;
  }
}
