import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { Redis } from 'ioredis';
import type { CalendarDay } from '#shared/contract/calendar-day';
import { noProgress } from '#shared/contract/query-document';
import { QueryHistories } from '#shared/redis/query-histories';
import { QueryRuns } from '#shared/redis/query-runs';
import { RecordKeys } from '#shared/redis/record-keys';
import { RedisDaySets } from '#shared/redis/redis-day-sets';
import { type RedisServer, startRedis } from '../../apps/local/src/redis-server';

const DAY = '2021-10-10' as CalendarDay;
const daySet = {
  scannedAt: 1,
  demandedAt: 1,
  entitiesRead: 1,
  entitiesWithoutIdentifier: 0,
  identifiers: Buffer.alloc(16_000, 7),
};

// The embedded Redis has no limit that could be reached.
describe.runIf(inject('redisKind') !== 'embedded')('a Redis that is full', () => {
  let server: RedisServer;
  let redis: Redis;
  let told = 0;
  const createDaySets = () =>
    new RedisDaySets(redis, new RecordKeys('{t}'), {
      tableFingerprint: 'x',
      ttlSeconds: 60,
      onFull: () => (told += 1),
    });

  beforeAll(async () => {
    server = await startRedis({ kind: 'native' });
    redis = new Redis(server.url);
  });
  afterAll(async () => {
    redis.disconnect();
    await server.stop();
  });

  it.each([
    ['has a fifth left, which belongs to the queue', 1.2],
    ['has nothing left', 1],
  ])('costs reuse, not the query: it %s', async (_name, factor) => {
    const used = Number(/^used_memory:(\d+)/m.exec(await redis.info('memory'))?.[1]);
    await redis.config('SET', 'maxmemory', Math.floor(used * factor));
    told = 0;
    const daySets = createDaySets();
    expect(await daySets.write(DAY, daySet)).toBe(false);
    const position = {
      scannedAt: 1,
      demandedAt: 1,
      entitiesRead: 1,
      entitiesWithoutIdentifier: 0,
      after: {},
      resumedAfter: [],
    };
    await daySets.openCheckpoint(DAY, undefined).save(position, daySet.identifiers, () => daySet.identifiers);
    expect(told).toBe(2);
    expect(await daySets.readStart(DAY)).toMatchObject({ head: undefined, checkpoint: undefined });
    await redis.config('SET', 'maxmemory', 0);
    expect(await daySets.write(DAY, daySet)).toBe(true);
    expect(await daySets.read(DAY)).toEqual(daySet);
    expect(await daySets.write(DAY, { ...daySet, scannedAt: 0 })).toBe(true);
    expect(await daySets.read(DAY)).toEqual(daySet);
    await redis.flushall();
  });

  it('costs reuse, not the query, when it takes no writes for another reason', async () => {
    await redis.config('SET', 'min-replicas-to-write', 1);
    told = 0;
    const daySets = createDaySets();
    expect(await daySets.write(DAY, daySet)).toBe(false);
    const position = {
      scannedAt: 1,
      demandedAt: 1,
      entitiesRead: 1,
      entitiesWithoutIdentifier: 0,
      after: {},
      resumedAfter: [],
    };
    const writer = daySets.openCheckpoint(DAY, undefined);
    expect(await writer.save(position, daySet.identifiers, () => daySet.identifiers)).toBe(false);
    expect(told).toBe(2);
    await redis.config('SET', 'min-replicas-to-write', 0);
    expect(await daySets.readStart(DAY)).toMatchObject({ head: undefined, checkpoint: undefined });
  });

  it('costs no run its lock, which BullMQ cannot renew then', async () => {
    const keys = new RecordKeys('{t}');
    await redis.hset(keys.job('a'), 'progress', '{}');
    await redis.set(keys.jobLock('a'), 'me', 'PX', 9_000);
    await redis.config('SET', 'maxmemory', 1);
    // The progress itself does not find room.
    await new QueryRuns(redis, keys, 30_000)
      .report('a', 'me', noProgress(1), { isProven: false, ranMs: 0 })
      .catch(() => {});
    expect(await redis.pttl(keys.jobLock('a'))).toBeGreaterThan(20_000);
    await redis.config('SET', 'maxmemory', 0);
    await redis.flushall();
  });

  it('costs history, not the query', async () => {
    const histories = new QueryHistories(redis, new RecordKeys('{t}'));
    await redis.config('SET', 'maxmemory', 1);
    expect(await histories.append('a', [{ kind: 'attempt-begun', at: 1, worker: 'w' }])).toBe(false);
    await redis.config('SET', 'maxmemory', 0);
    await redis.config('SET', 'min-replicas-to-write', 1);
    expect(await histories.append('a', [{ kind: 'attempt-begun', at: 1, worker: 'w' }])).toBe(false);
    await redis.config('SET', 'min-replicas-to-write', 0);
    expect(await histories.read('a')).toEqual({ events: [], dropped: 0 });
  });

  it('leaves no hole in a checkpoint that was not stored once', async () => {
    const set = (letters: string) => Buffer.from([...letters].map((letter) => letter.repeat(16)).join(''));
    const daySets = createDaySets();
    const checkpoint = daySets.openCheckpoint(DAY, undefined);
    const position = {
      scannedAt: 1,
      demandedAt: 1,
      entitiesRead: 1,
      entitiesWithoutIdentifier: 0,
      after: {},
      resumedAfter: [],
    };
    expect(await checkpoint.save(position, set('a'), () => set('a'))).toBe(true);
    await redis.config('SET', 'maxmemory', 1);
    expect(await checkpoint.save({ ...position, entitiesRead: 2 }, set('b'), () => set('ab'))).toBe(false);
    await redis.config('SET', 'maxmemory', 0);
    expect(await checkpoint.save({ ...position, entitiesRead: 3 }, set('bc'), () => set('abc'))).toBe(true);
    expect((await daySets.readStart(DAY)).checkpoint).toMatchObject({ entitiesRead: 3, identifiers: set('abc') });
  });
});
