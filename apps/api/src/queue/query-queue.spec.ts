import { EventEmitter } from 'node:events';
import type { Queue } from 'bullmq';
import { describe, expect, it } from 'vitest';
import { ApiConfig } from '#shared/config/api-config';
import type { QueryJobPayload } from '#shared/contract/query-job';
import type { RedisClient } from '#shared/redis/redis-client';
import { QueryQueue } from './query-queue';

/** A queue whose removals are answered when the test says so. */
function createWorld() {
  const removals: { id: string; succeed: () => void; fail: () => void }[] = [];
  const redis = new EventEmitter();
  const remove = (id: string) =>
    new Promise<number>((resolve, reject) =>
      removals.push({ id, succeed: () => resolve(1), fail: () => reject(new Error('away')) }),
    );
  const queue = Object.assign(new EventEmitter(), { remove }) as unknown as Queue<QueryJobPayload>;
  const queries = new QueryQueue(queue, new ApiConfig(), redis as unknown as RedisClient);
  return { queries, redis, removals, listIds: () => removals.map(({ id }) => id) };
}

describe('a job that nobody wants', () => {
  it('is asked to be taken off once, however many others there are whose removal is not answered yet', () => {
    const { queries, listIds } = createWorld();
    const ids = Array.from({ length: 100 }, (_, i) => `query-${i}`);
    for (const id of ids) queries.discard(id, () => {});
    expect(listIds()).toEqual(ids);
  });

  it('is taken off when Redis is back, if it could not be before', async () => {
    const { queries, redis, removals, listIds } = createWorld();
    const removed: string[] = [];
    for (const id of ['a', 'b']) queries.discard(id, () => removed.push(id));
    removals[0]?.succeed();
    removals[1]?.fail();
    await new Promise(setImmediate);
    redis.emit('ready');
    expect(listIds()).toEqual(['a', 'b', 'b']);
    expect(removed).toEqual(['a']);
  });
});
