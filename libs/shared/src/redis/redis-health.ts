import { orAborted } from '../process/retry';
import { type RedisClient, readReplyCode, RedisScript, pipelineAt, runPipeline } from './redis-client';
import { findMissing } from './redis-fitness';
import { readLoginRefusal } from './redis-outages';

/** A Redis that is connected and silent; later, and the platform's own probe would have given up. */
const ANSWER_LIMIT_MS = 2_000;

/** Of the memory limit; from here on Redis is as good as full. */
const SPARE_FROM = 0.8;

/** How long an answer is kept, since anyone may ask for readiness, however often: that it is ready, and that it is not. */
const MAX_AGE_MS = { ready: 2_000, notReady: 250 };

/** KEYS probe; ARGV time to live in ms. A write by a script, as all of the service's are. */
const PROBE = new RedisScript<void>(`redis.call('SET', KEYS[1], '', 'PX', ARGV[1])`);

const PROBE_TTL_MS = 10_000;

export type RedisProblem =
  | { kind: 'unreachable' }
  /** It answers, but not with what was asked for; `code` as Redis has it, such as OOM or NOPERM. */
  | { kind: 'refused'; code: string }
  /** It, or the user of the service, lacks commands: see `findMissing`. */
  | { kind: 'unfit'; missing: string }
  /** It may drop what it holds when it is full. */
  | { kind: 'evicting' }
  /** It does not say whether it evicts what it holds. */
  | { kind: 'untold' };

/** What the configuration says of Redis. */
export interface RedisExpectations {
  /** Of all keys: of a cluster, the server that holds them is looked at. */
  keyPrefix: string;
  /** Whether one that does not tell its policy is taken to evict nothing. */
  assumeNoeviction: boolean;
}

/** Why Redis cannot be worked with at the moment, or undefined when it can. */
export async function findRedisProblem(
  redis: RedisClient,
  { keyPrefix, assumeNoeviction }: RedisExpectations,
): Promise<RedisProblem | undefined> {
  if (redis.status !== 'ready') return toProblem(readLoginRefusal(redis));
  try {
    const limit = AbortSignal.timeout(ANSWER_LIMIT_MS);
    const probing = PROBE.run(redis, [`${keyPrefix}:probe`], [PROBE_TTL_MS]);
    const [{ policy }] = await orAborted(Promise.all([readRedisMemory(redis, keyPrefix), probing]), limit);
    // After the probe: a refusal has a code, which says more.
    const missing = await orAborted(findMissing(redis), limit);
    if (missing !== undefined) return { kind: 'unfit', missing };
    // An evicting Redis drops locks and jobs silently when it is full.
    if (policy === undefined) return assumeNoeviction ? undefined : { kind: 'untold' };
    return policy === 'noeviction' ? undefined : { kind: 'evicting' };
  } catch (error) {
    return toProblem(readReplyCode(error));
  }
}

/** Without a code it was closed or did not answer in time: which of the two makes no difference. */
function toProblem(code: string | undefined): RedisProblem {
  return code === undefined ? { kind: 'unreachable' } : { kind: 'refused', code };
}

/** The problem of one connection; however many ask, Redis is asked once in a while. */
export class RedisHealth {
  private latest: { problem: Promise<RedisProblem | undefined>; until: number } | undefined;

  constructor(
    private readonly redis: RedisClient,
    private readonly expectations: RedisExpectations,
  ) {}

  /** As `findRedisProblem`. That there is no connection is known at once. */
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
 * Whether the server of `key` has room for what can be done without. A part of its memory is left to the queue and its
 * locks, without which no query can go on.
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
  /** What it does when it is full, such as `noeviction`; undefined where it does not say. */
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
