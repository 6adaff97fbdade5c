import { pipelineAt, type RedisClient, runPipeline } from './redis-client';

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
