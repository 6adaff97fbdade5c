import { pipelineAt, type RedisClient, readReplyCode, runPipeline } from './redis-client';

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
