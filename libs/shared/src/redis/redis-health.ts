import { orAborted } from '../process/retry';
import { type RedisClient, readReplyCode, RedisScript, pipelineAt, runPipeline } from './redis-client';
import { findMissing } from './redis-fitness';
import { readLoginRefusal } from './redis-outages';

/** The timeout of a check; the platform's own probe times out soon after. */
const ANSWER_LIMIT_MS = 2_000;

/** The share of the memory limit above which Redis counts as full. */
const SPARE_FROM = 0.8;

/** How long an answer is cached, since anyone may ask for readiness at any rate: `ok` and a problem. */
const MAX_AGE_MS = { ready: 2_000, notReady: 250 };

/** KEYS probe; ARGV time to live in ms. Writes by a script, as the service does. */
const PROBE = new RedisScript<void>(`redis.call('SET', KEYS[1], '', 'PX', ARGV[1])`);

const PROBE_TTL_MS = 10_000;

export type RedisProblem =
  | { kind: 'unreachable' }
  /** Redis answers with an error; `code` is its code, such as OOM or NOPERM. */
  | { kind: 'refused'; code: string }
  /** Redis or the user of the service lacks commands: see `findMissing`. */
  | { kind: 'unfit'; missing: string }
  /** Redis evicts keys when it is full. */
  | { kind: 'evicting' }
  /** Redis does not report its eviction policy. */
  | { kind: 'untold' };

/** The members of a configuration that concern Redis. */
export interface RedisExpectations {
  /** The prefix of all keys: of a cluster, the server that holds them is checked. */
  keyPrefix: string;
  /** Whether a Redis that does not report its policy is assumed to evict nothing. */
  assumeNoeviction: boolean;
}

/** Returns why Redis cannot be used at the moment, or undefined when it can. */
export async function findRedisProblem(
  redis: RedisClient,
  { keyPrefix, assumeNoeviction }: RedisExpectations,
): Promise<RedisProblem | undefined> {
  if (redis.status !== 'ready') return toProblem(readLoginRefusal(redis));
  try {
    const limit = AbortSignal.timeout(ANSWER_LIMIT_MS);
    const probing = PROBE.run(redis, [`${keyPrefix}:probe`], [PROBE_TTL_MS]);
    const [{ policy }] = await orAborted(Promise.all([readRedisMemory(redis, keyPrefix), probing]), limit);
    // After the probe: the code of a refusal is more precise.
    const missing = await orAborted(findMissing(redis), limit);
    if (missing !== undefined) return { kind: 'unfit', missing };
    // An evicting Redis drops locks and jobs silently when it is full.
    if (policy === undefined) return assumeNoeviction ? undefined : { kind: 'untold' };
    return policy === 'noeviction' ? undefined : { kind: 'evicting' };
  } catch (error) {
    return toProblem(readReplyCode(error));
  }
}

/** Without a code the connection closed or timed out; both count as unreachable. */
function toProblem(code: string | undefined): RedisProblem {
  return code === undefined ? { kind: 'unreachable' } : { kind: 'refused', code };
}

/** The problem of one connection, cached: requests do not multiply checks. */
export class RedisHealth {
  private latest: { problem: Promise<RedisProblem | undefined>; until: number } | undefined;

  constructor(
    private readonly redis: RedisClient,
    private readonly expectations: RedisExpectations,
  ) {}

  /** See `findRedisProblem`. A closed connection is reported without a check. */
  findProblem(): Promise<RedisProblem | undefined> {
    const { latest, redis } = this;
    const isFresh = latest !== undefined && performance.now() < latest.until;
    if (isFresh && redis.status === 'ready') return latest.problem;
    const problem = findRedisProblem(redis, this.expectations);
    const asked = { problem, until: Infinity };
    this.latest = asked;
    void problem.then((found) => {
      asked.until = performance.now() + (found === undefined ? MAX_AGE_MS.ready : MAX_AGE_MS.notReady);
    });
    return problem;
  }
}

/**
 * Whether the server of `key` has room for records that queries can do without. The rest of its memory is reserved for the
 * queue and its locks, which every query needs.
 */
export async function hasRoomToSpare(redis: RedisClient, key: string): Promise<boolean> {
  const { usedBytes, limitBytes } = await readRedisMemory(redis, key);
  return limitBytes === 0 || usedBytes < limitBytes * SPARE_FROM;
}

/** The memory of the server that holds a key. */
export interface RedisMemory {
  usedBytes: number;
  /** 0: no limit is set. */
  limitBytes: number;
  /** The eviction policy, such as `noeviction`; undefined when Redis does not report it. */
  policy: string | undefined;
}

export async function readRedisMemory(redis: RedisClient, key: string): Promise<RedisMemory> {
  // Not CONFIG GET, which managed services forbid.
  const [, text] = (await runPipeline(pipelineAt(redis, key).info('memory'))) as [number, string];
  const read = (field: string) => new RegExp(`^${field}:(\\S+)`, 'm').exec(text)?.[1];
  return {
    usedBytes: Number(read('used_memory') ?? 0),
    limitBytes: Number(read('maxmemory') ?? 0),
    policy: read('maxmemory_policy'),
  };
}
