import { pipelineAt } from './pipeline-at';
import type { RedisClient } from './redis-client';
import { runPipeline } from './run-pipeline';

/**
 * Redis' clock, the only one that decides anything: milliseconds since 1970.
 *
 * @param key Any of those that are worked with: each server of a cluster has a clock of its own.
 */
export async function readRedisClock(redis: RedisClient, key: string): Promise<number> {
  const [, time] = (await runPipeline(pipelineAt(redis, key).time())) as [number, [number, number]];
  return toMilliseconds(time);
}

/** The reply of TIME, seconds and microseconds, as milliseconds. */
export function toMilliseconds([seconds, microseconds]: readonly (number | string)[]): number {
  return Number(seconds) * 1_000 + Math.floor(Number(microseconds) / 1_000);
}
