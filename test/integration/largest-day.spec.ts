import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CalendarDay } from '#shared/contract/calendar-day';
import type { DaySet } from '#shared/contract/day-set';
import { RecordKeys } from '#shared/redis/record-keys';
import { RedisDaySets } from '#shared/redis/redis-day-sets';
import { hasRedisServer } from '../support/redis-servers/has-redis-server';
import { RedisProcess } from '../support/redis-servers/redis-process';

const DAY = '2021-10-10' as CalendarDay;
const MEGABYTE = 2 ** 20;

/** Redis' default limit of a string is 512 MB. */
const STRING_LIMIT_BYTES = 20 * MEGABYTE;

const toDaySet = (sizeBytes: number): DaySet => ({
  ...{ scannedAt: 1, demandedAt: 1, entitiesRead: sizeBytes / 16, entitiesWithoutIdentifier: 0 },
  identifiers: Buffer.alloc(sizeBytes, 7),
});

describe.runIf(hasRedisServer())('a day of more identifiers than Redis keeps under one key', () => {
  let server: RedisProcess;
  let daySets: RedisDaySets;

  beforeAll(async () => {
    server = await RedisProcess.create({ args: ['--proto-max-bulk-len', String(STRING_LIMIT_BYTES)] });
    const options = { tableFingerprint: 'x', ttlSeconds: 60, onFull: () => {} };
    daySets = new RedisDaySets(server.client, new RecordKeys('{t}'), options);
  });
  afterAll(() => server.stop());

  it('is stored up to the limit', async () => {
    const largest = toDaySet(STRING_LIMIT_BYTES - 48);
    await daySets.write(DAY, largest);
    expect(Buffer.compare((await daySets.read(DAY))!.identifiers, largest.identifiers)).toBe(0);
  });

  it('is an error above the limit, and does not count as stored', async () => {
    await daySets.write(DAY, toDaySet(16));
    await expect(daySets.write(DAY, toDaySet(STRING_LIMIT_BYTES))).rejects.toThrow('string exceeds maximum');
    expect(await daySets.readStart(DAY)).toMatchObject({ head: undefined });
    const position = {
      scannedAt: 1,
      demandedAt: 1,
      entitiesRead: 1,
      entitiesWithoutIdentifier: 0,
      after: {},
      resumedAfter: [],
    };
    const writer = daySets.openCheckpoint(DAY, undefined);
    const half = toDaySet(STRING_LIMIT_BYTES / 2 + 16).identifiers;
    expect(await writer.save(position, half, () => half)).toBe(true);
    await expect(writer.save({ ...position, entitiesRead: 2 }, half, () => half)).rejects.toThrow('string exceeds');
    expect((await daySets.readStart(DAY)).checkpoint).toMatchObject({ entitiesRead: 1 });
  });
});
