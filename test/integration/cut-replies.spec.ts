import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { type CalendarDay, listDays } from '#shared/contract/calendar-day';
import type { DaySet } from '#shared/contract/day-set';
import { connectForWork } from '#shared/redis/connections';
import { RecordKeys } from '#shared/redis/record-keys';
import { RedisDaySets } from '#shared/redis/redis-day-sets';
import type { RedisClient } from '#shared/redis/redis-client';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy';
import { waitUntil } from '../support/wait-until';

const DAYS = listDays('2021-01-01' as CalendarDay, '2021-12-31' as CalendarDay);
const DAY_SET: DaySet = {
  ...{ scannedAt: 1_000, demandedAt: 1_000, entitiesRead: 3, entitiesWithoutIdentifier: 0 },
  identifiers: new Uint8Array(200 * 16).fill(7),
};
const POSITION = {
  ...{ scannedAt: 1_000, demandedAt: 1_000, entitiesRead: 3, entitiesWithoutIdentifier: 0 },
  after: { partitionKey: 'p', rowKey: 'r' },
  resumedAfter: [],
};

let proxy: TcpProxy;
let direct: Redis;
let keys: RecordKeys;
let lines: RedisClient[];

beforeAll(async () => {
  const { hostname, port } = new URL(inject('redisUrl'));
  proxy = await startTcpProxy({ host: hostname, port: Number(port) });
  direct = new Redis(inject('redisUrl'));
});
beforeEach(() => {
  keys = new RecordKeys(`{t-${randomUUID()}}`);
  lines = [];
  return () => {
    for (const line of lines) line.disconnect();
  };
});
afterAll(async () => {
  direct.disconnect();
  await proxy.stop();
});

const open = (redis: RedisClient) =>
  new RedisDaySets(redis, keys, { tableFingerprint: 'x', ttlSeconds: 60, onFull: () => {} });

/** On a line of its own, which breaks after so many bytes of replies; the next one is whole. */
async function openOnBreakingLine(
  cutAfterBytes: number,
): Promise<{ daySets: RedisDaySets; countBreaks: () => number }> {
  proxy.setQuality({ cutAfterBytes });
  const redis = connectForWork(`redis://127.0.0.1:${proxy.port}`);
  let breaks = 0;
  redis.on('error', () => {}).on('reconnecting', () => (breaks += 1));
  lines.push(redis);
  await waitUntil(
    'the connection',
    () => redis.status,
    (status) => status === 'ready',
  );
  proxy.setQuality({});
  return { daySets: open(redis), countBreaks: () => breaks };
}

describe('a line that breaks in the middle of the replies', () => {
  it('costs no read of many days', async () => {
    for (const day of DAYS) await open(direct).write(day, DAY_SET);
    const { daySets, countBreaks } = await openOnBreakingLine(400_000);
    expect((await daySets.readHeads(DAYS)).size).toBe(DAYS.length);
    expect(countBreaks()).toBe(1);
  });

  it('costs no read of a large checkpoint', async () => {
    const identifiers = new Uint8Array(1_600_000).fill(7);
    await open(direct)
      .openCheckpoint(DAYS[0]!, undefined)
      .save(POSITION, identifiers, () => identifiers);
    const { daySets, countBreaks } = await openOnBreakingLine(400_000);
    expect((await daySets.readStart(DAYS[0]!)).checkpoint).toMatchObject({ entitiesRead: 3 });
    expect(countBreaks()).toBe(1);
  });

  it('costs no write, wherever it breaks', async () => {
    // Hardly more than what is said as a connection is made.
    const from = (await direct.info()).length + 150;
    const places = Array.from({ length: 160 }, (_, i) => from + 20 * i);
    const breaking = [];
    for (const place of places) breaking.push(await openOnBreakingLine(place));
    await Promise.all(
      breaking.map(async ({ daySets }, i) => {
        const checkpoint = daySets.openCheckpoint(DAYS[i]!, undefined);
        expect(await checkpoint.save(POSITION, DAY_SET.identifiers, () => DAY_SET.identifiers)).toBe(true);
        await daySets.write(DAYS[i]!, DAY_SET);
      }),
    );
    for (const [i] of places.entries()) {
      expect(await open(direct).read(DAYS[i]!)).toMatchObject({ scannedAt: 1_000 });
      expect((await open(direct).readStart(DAYS[i]!)).checkpoint).toBeUndefined();
    }
    const broken = breaking.filter(({ countBreaks }) => countBreaks() > 0);
    expect(broken.length).toBeGreaterThan(100);
  });
});
