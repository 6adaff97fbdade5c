import { createHash, createHmac, randomBytes, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { CalendarDay } from '#shared/contract/calendar-day';
import { connectForWork } from '#shared/redis/connections';
import { RecordKeys } from '#shared/redis/record-keys';
import { readRedisClock } from '#shared/redis/redis-client';
import { RedisDaySets } from '#shared/redis/redis-day-sets';
import { connectTable } from '../../apps/local/src/load-table';
import { followLocation, toSubmission } from '../support/conversation';
import { startSystem, type System } from '../support/start-system';

const TABLE_NAME = 'dayedges';
const KEY_PREFIX = `{t-${randomUUID()}}`;
const HASH_KEY = 'a key for tests, of more than 32 characters';

/** Keys of a table, and the day of each. */
const KEYS: [key: string, day: string | undefined][] = [
  ['2021-11-30', '2021-11-30'],
  ['2021-11-30x', '2021-11-30'],
  ['2021-12-08\uffff', '2021-12-08'],
  ['2021-12-09', '2021-12-09'],
  ["2021-12-09'", '2021-12-09'],
  ['2021-12-09-b', '2021-12-09'],
  ['2021-12-09\u{1f600}', '2021-12-09'],
  ['2021-12-09\uffff', '2021-12-09'],
  ['2021-12-10', '2021-12-10'],
  ...['2021-11', '2021-11-31', '2021-11-9', '2021-11-summary', '2021-12'].map(toKeyOfNoDay),
  ...['2021-12-0', '2021-12-0:', '2021-12-0\u{1f600}', '2021-12-1', '2021-12-1-b'].map(toKeyOfNoDay),
];

function toKeyOfNoDay(key: string): [string, undefined] {
  return [key, undefined];
}

const redis = connectForWork(inject('redisUrl'));
const client = connectTable(inject('tableConnectionString'), TABLE_NAME);
let system: System;

beforeAll(async () => {
  await client.createTable();
  for (const [partitionKey] of KEYS) {
    await client.createEntity({ partitionKey, rowKey: '1', CertNumber: 'C', identificationNumber: partitionKey });
  }
  system = await startSystem({
    env: { KEY_PREFIX },
    workerEnv: {
      TABLE_CONNECTION_STRING: inject('tableConnectionString'),
      TABLE_NAME,
      IDENTIFIER_HASH_KEY: HASH_KEY,
    },
    workers: 1,
  });
});

afterAll(async () => {
  redis.disconnect();
  await system.stop();
});

async function count(start: string, end: string, maxAgeSeconds = 0): Promise<unknown> {
  const answer = await followLocation(`${system.api.url}/api/queries`, toSubmission({ start, end, maxAgeSeconds }));
  const { result } = (await answer.json()) as { result: { count: number; entitiesRead: number; daysReused: number } };
  const { count, entitiesRead, daysReused } = result;
  return { count, entitiesRead, daysReused };
}

function toTruth(start: string, end: string): unknown {
  const { length } = KEYS.filter(([, day]) => day !== undefined && day >= start && day <= end);
  return { count: length, entitiesRead: length, daysReused: 0 };
}

describe('a table with keys at the edges of days', () => {
  it.each([
    ['2021-12-09', '2021-12-09'],
    ['2021-11-30', '2021-11-30'],
    ['2021-12-08', '2021-12-08'],
    ['2021-12-01', '2021-12-01'],
    ['2021-11-29', '2021-12-10'],
  ])('counts the keys from %s to %s that begin with a day', async (start, end) => {
    expect(await count(start, end)).toEqual(toTruth(start, end));
  });

  it.each([
    [1, 'counted more keys for a day'],
    [2, 'hashed identifiers by SipHash'],
  ])('is read again although version %i, which %s, stored the day', async (version) => {
    const keyId = createHmac('sha256', HASH_KEY).update('day sets').digest('hex');
    const tableFingerprint = createHash('sha256')
      .update(JSON.stringify([version, client.url, TABLE_NAME, keyId]))
      .digest('hex')
      .slice(0, 16);
    const keys = new RecordKeys(KEY_PREFIX);
    const daySets = new RedisDaySets(redis, keys, { tableFingerprint, ttlSeconds: 600, onFull: () => {} });
    // Fresh enough for every query.
    const scannedAt = (await readRedisClock(redis, KEY_PREFIX)) + 60_000;
    const read = { scannedAt, demandedAt: scannedAt, entitiesRead: 3, entitiesWithoutIdentifier: 0 };
    const identifiers = randomBytes(3 * 16);
    const [whole, half] = ['2021-11-30', '2021-12-09'] as [CalendarDay, CalendarDay];
    await daySets.write(whole, { ...read, identifiers });
    const position = { ...read, after: { partitionKey: '2021-12-1', rowKey: '1' }, resumedAfter: [] };
    await daySets.openCheckpoint(half, undefined).save(position, identifiers, () => identifiers);
    expect(await daySets.readStart(half)).toMatchObject({ checkpoint: position });
    for (const day of [whole, half]) expect(await count(day, day)).toEqual(toTruth(day, day));
  });
});
