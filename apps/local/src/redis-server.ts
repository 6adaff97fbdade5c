import { constants } from 'node:fs';
import { access, mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { connectForRequests } from '#shared/redis/connections';
import { type RedisClient, readReplyCode } from '#shared/redis/redis-client';
import { findRedisProblem } from '#shared/redis/redis-health';
import { checkRedisRequirements } from '#shared/redis/redis-requirements';
import { findRedisUrlProblem, parseRedisUrl } from '#shared/redis/redis-url';
import { onFreePort } from './on-free-port';
import { LOOPBACK } from './ports';
import { findProjectFolder } from './project-folder';
import { ServiceProcess } from './service-process';

const START_LIMIT_MS = 20_000;
const CONNECT_LIMIT_MS = 15_000;
/** Of a name that does not resolve, perhaps not yet. */
const UNRESOLVED = new Set(['EAI_AGAIN', 'ENOTFOUND']);
const KEY_PREFIX = '{audit-query}';

export interface RedisOptions {
  /** A Redis that runs already, instead of one of our own. */
  url?: string | undefined;
  /** Which one to start; by default a native one where there is one. */
  kind?: 'native' | 'embedded';
  signal?: AbortSignal | undefined;
  /** Called once when the connection to a given one is retried, with the reason. */
  onRetry?: (reason: string) => void;
}

export interface RedisServer {
  url: string;
  /** `given` runs already and is left alone; `native` is a program of this machine; `embedded` is JavaScript. */
  kind: 'given' | 'native' | 'embedded';
  /** In words, without secrets. */
  description: string;
  /** Absent for a given one. */
  process?: ServiceProcess;
  /** Does nothing to a given one. */
  stop(): Promise<void>;
}

/** There is no Redis that could be used. The message is for whoever asked for it. */
export class RedisUnusableError extends Error {}

/**
 * Finds a Redis or starts one, on loopback, on a port and in a folder of its own.
 *
 * @throws RedisUnusableError when the given one cannot be used, or a native one is asked for and there is none;
 * ProcessEndedError when one does not come up; the signal's reason. Nothing is left running then.
 */
export async function startRedis(options: RedisOptions = {}): Promise<RedisServer> {
  const { url, kind, signal } = options;
  if (url !== undefined) return checkGiven(url, options);
  const program = kind === 'embedded' ? undefined : await findProgram(['redis-server', 'valkey-server']);
  if (program !== undefined) return startNative(program, signal);
  if (kind !== 'native') return startEmbedded(signal);
  throw new RedisUnusableError('There is neither a redis-server nor a valkey-server on the PATH.');
}

async function checkGiven(url: string, options: RedisOptions): Promise<RedisServer> {
  const { REDIS_TLS_CA_FILE: caFile } = process.env;
  const wrong = findRedisUrlProblem(url);
  if (wrong !== undefined) throw new RedisUnusableError(`REDIS_URL ${wrong}.`);
  const { hosts } = parseRedisUrl(url);
  const place = hosts.map(({ host, port }) => `${host}:${port}`).join(', ');
  let redis: RedisClient | undefined;
  try {
    redis = connectForRequests(url, caFile || undefined);
    await waitForConnection(redis, options);
    const missing = await checkRedisRequirements(redis, KEY_PREFIX);
    if (missing !== undefined) {
      throw new RedisUnusableError(`The Redis of REDIS_URL at ${place} lacks ${missing}: see docs/redis.md.`);
    }
    const assumeNoeviction = process.env['ASSUME_NOEVICTION'] === 'true';
    const problem = await findRedisProblem(redis, { keyPrefix: KEY_PREFIX, assumeNoeviction });
    if (problem?.kind === 'refused') {
      throw new RedisUnusableError(`The Redis of REDIS_URL at ${place} refuses what is needed: ${problem.code}.`);
    }
    if (problem?.kind === 'evicting' || problem?.kind === 'untold') {
      throw new RedisUnusableError(
        problem.kind === 'evicting'
          ? `The Redis of REDIS_URL at ${place} evicts keys: set its maxmemory-policy to noeviction.`
          : `The Redis of REDIS_URL at ${place} does not tell whether it evicts keys: set ASSUME_NOEVICTION=true if it does not.`,
      );
    }
  } catch (error) {
    options.signal?.throwIfAborted();
    if (error instanceof RedisUnusableError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new RedisUnusableError(`The Redis of REDIS_URL at ${place} cannot be used: ${reason}.`, { cause: error });
  } finally {
    redis?.disconnect();
  }
  return { url, kind: 'given', description: `the one of REDIS_URL, at ${place}`, stop: async () => undefined };
}

/**
 * Retries while the name does not resolve yet, and while no sentinel or server of a cluster is reached, of which no reason is
 * known here.
 *
 * @throws Any other error, at once; after a while the last one; the signal's reason.
 */
async function waitForConnection(redis: RedisClient, { signal, onRetry }: RedisOptions): Promise<void> {
  let last: Error | undefined;
  await new Promise<void>((resolve, reject) => {
    redis.once('ready', resolve);
    // Stays: the connection goes on until it is closed.
    redis.on('error', (error: NodeJS.ErrnoException) => {
      const isAwaited = error.code === undefined ? readReplyCode(error) === undefined : UNRESOLVED.has(error.code);
      if (!isAwaited) return reject(error);
      if (last === undefined) onRetry?.(`${error.message}: trying again for up to ${CONNECT_LIMIT_MS / 1_000} s`);
      last = error;
    });
    setTimeout(() => reject(last ?? new Error('no answer')), CONNECT_LIMIT_MS).unref();
    signal?.addEventListener('abort', () => reject(signal.reason as Error));
  });
}

async function startNative(program: string, signal: AbortSignal | undefined): Promise<RedisServer> {
  const folder = await mkdtemp(join(tmpdir(), 'audit-query-redis-'));
  const removeFolder = () => rm(folder, { recursive: true, force: true });
  try {
    return await onFreePort(async (port) => {
      signal?.throwIfAborted();
      const redis = new ServiceProcess({
        name: 'Redis',
        command: program,
        args: [
          ...['--bind', LOOPBACK, '--port', String(port), '--dir', folder],
          ...['--maxmemory-policy', 'noeviction', '--appendonly', 'yes', '--save', ''],
        ],
      });
      await waitOrStop(redis, /Ready to accept connections/, signal);
      return {
        url: `redis://${LOOPBACK}:${port}`,
        kind: 'native',
        description: `${program}, at ${LOOPBACK}:${port}`,
        process: redis,
        stop: async () => {
          await redis.stop();
          await removeFolder();
        },
      };
    });
  } catch (error) {
    await removeFolder();
    throw error;
  }
}

async function startEmbedded(signal: AbortSignal | undefined): Promise<RedisServer> {
  signal?.throwIfAborted();
  const redis = new ServiceProcess({
    name: 'The embedded Redis',
    command: process.execPath,
    // What is built of it, also where this runs from source.
    args: [join(findProjectFolder(), 'dist/apps/local/src/embedded-redis.js')],
  });
  const [, port] = await waitOrStop(redis, /^Listening on 127\.0\.0\.1:(\d+)$/m, signal);
  return {
    url: `redis://${LOOPBACK}:${port}`,
    kind: 'embedded',
    description: `the embedded one (js-redis-server), at ${LOOPBACK}:${port}: in memory and for a look only`,
    process: redis,
    stop: () => redis.stop(),
  };
}

async function waitOrStop(redis: ServiceProcess, ready: RegExp, signal?: AbortSignal): Promise<RegExpExecArray> {
  try {
    return await redis.waitForOutput(ready, START_LIMIT_MS, signal);
  } catch (error) {
    await redis.stop();
    throw error;
  }
}

/** The path of the first of these programs that is on the PATH. */
async function findProgram(names: string[]): Promise<string | undefined> {
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  for (const path of names.flatMap((name) => folders.map((folder) => join(folder, name)))) {
    try {
      await access(path, constants.X_OK);
      if ((await stat(path)).isFile()) return path;
    } catch {
      // Not in this folder, or not for us to run.
    }
  }
  return undefined;
}
