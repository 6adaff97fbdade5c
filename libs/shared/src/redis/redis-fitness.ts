import { Logger } from '@nestjs/common';
import type { Redis } from 'ioredis';
import { orAborted, pause } from '../process/retry';
import { type RedisClient, pipelineAt, readReplyCode, runPipeline } from './redis-client';
import { checkRedisRequirements } from './redis-requirements';

/** Longer, and the next attempt is the better one. */
const CHECK_LIMIT_MS = 5_000;

const RECHECK_UNFIT_MS = 5_000;

/** Rights can be withdrawn from a connection that stays open, and settings changed. */
const RECHECK_FIT_MS = 60_000;

const REREAD_MS = 200;

interface Watch {
  /** Resolves with the first finding; a server that is away delays it. */
  begun: Promise<void>;
  /** What the server or the user's rights lack. */
  missing: string | undefined;
}

const watches = new WeakMap<RedisClient, Watch>();

/**
 * Checks, again and again, that the server of a connection can do what the service needs, and that it keeps what it has
 * acknowledged: at the start, whenever the connection is ready again (the server behind the address may be another one),
 * every few seconds while something is missing, and every minute. Logs each finding once, and its end. Ends with the
 * connection.
 *
 * @param subscriber The connection that is to hear of changes, where the process has one: it alone can try SUBSCRIBE.
 */
export function watchRedisFitness(redis: RedisClient, keyPrefix: string, subscriber?: Redis): void {
  let resolveBegun: () => void = () => {};
  const watch: Watch = { begun: new Promise((resolve) => (resolveBegun = resolve)), missing: undefined };
  watches.set(redis, watch);
  const log = createFindingLog();
  let timer: NodeJS.Timeout | undefined;
  let isChecking = false;
  let isDue = false;

  /** @returns Whether nothing is missing; undefined when the answer was not to be had. */
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
      // The connection broke, which has a log entry of its own, or the server is too slow at the moment.
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
 * What the server of a watched connection lacks, or the user's rights, for operators; undefined when nothing is missing.
 * Waits for the first check. A connection that is not watched lacks nothing.
 */
export async function findMissing(redis: RedisClient): Promise<string | undefined> {
  const watch = watches.get(redis);
  await watch?.begun;
  return watch?.missing;
}

/**
 * Resolves when the server of a watched connection has been found to lack nothing.
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
 * What an acknowledged write survives.
 *
 * | level | what it survives | by these settings |
 * |---|---|---|
 * | disk | a power cut | appendonly yes, appendfsync always |
 * | second | a killed Redis; a power cut but for the last second or two | appendonly yes, appendfsync everysec |
 * | system | a killed Redis | appendonly yes, appendfsync no |
 * | file | a killed Redis; more is not known | appendonly yes, and appendfsync may not be read |
 * | none | nothing: what came after the last snapshot is lost, if there is one | appendonly no |
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
  /** Whether the last write to the append-only file succeeded; null where there is no file, or Redis does not say. */
  lastWriteOk: boolean | null;
}

const LEVELS_BY_FSYNC: Readonly<Record<string, DurabilityLevel>> = {
  always: DurabilityLevel.Disk,
  everysec: DurabilityLevel.Second,
  no: DurabilityLevel.System,
};

/** The append-only file, as far as Redis reports it; null where it does not. */
interface AppendOnlyFile {
  isOn: boolean | null;
  lastWriteOk: boolean | null;
}

/** @param key Any of those that are worked with: of a cluster, the server that holds it is asked. */
export async function readAppendOnlyFile(redis: RedisClient, key: string): Promise<AppendOnlyFile> {
  const [, text] = (await runPipeline(pipelineAt(redis, key).info('persistence'))) as [number, string];
  const read = (field: string) => new RegExp(`^${field}:(\\S+)`, 'm').exec(text)?.[1];
  const enabled = read('aof_enabled');
  if (enabled !== '1') return { isOn: enabled === undefined ? null : false, lastWriteOk: null };
  const status = read('aof_last_write_status');
  return { isOn: true, lastWriteOk: status === undefined ? null : status === 'ok' };
}

/** Whether a killed Redis loses accepted queries; undefined when it does not report enough to tell. */
export function isLossy({ isOn, lastWriteOk }: AppendOnlyFile): boolean | undefined {
  return isOn === null ? undefined : !isOn || lastWriteOk === false;
}

/**
 * Also asks for `appendfsync`, which most users may not read: a denied attempt is an entry in Redis' ACL log, so this is
 * for an operator who asks, not for a timer.
 *
 * @param key As above.
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
