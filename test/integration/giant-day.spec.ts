import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import type { CalendarDay } from '#shared/contract/calendar-day';
import { connectForWork } from '#shared/redis/connections';
import { RecordKeys } from '#shared/redis/record-keys';
import { RedisDaySets } from '#shared/redis/redis-day-sets';
import { SharedScans } from '../../apps/worker/src/queries/shared-scans';
import { createIdentifierHash, type IdentifierHash } from '../../apps/worker/src/queries/identifier-hash';
import { PageReader } from '../../apps/worker/src/table/page-reader';
import { ScanSlots } from '../../apps/worker/src/table/scan-slots';
import { createTableClient, toFixedConnection } from '../../apps/worker/src/table/table-connection';
import { startTableDouble } from '../support/table-double/start-table-double';
import type { TableDouble } from '../support/table-double/table-double';

const DAY = '2021-10-10' as CalendarDay;
const PAGES = 1_000;

let hash: IdentifierHash;
const redis = connectForWork(inject('redisUrl'));
const keys = new RecordKeys(`{t-${randomUUID()}}`);
const daySets = new RedisDaySets(redis, keys, { tableFingerprint: 'giant', ttlSeconds: 600, onFull: () => {} });
let double: TableDouble;

beforeAll(async () => {
  hash = await createIdentifierHash('a key for tests, of more than 32 characters');
  const rows = {
    partitions: [{ key: DAY, entities: PAGES * 1_000 }],
    distinctIdentifiers: 300_000,
    withoutIdentifier: 0.001,
  };
  double = await startTableDouble({ tables: { audit: { kind: 'generated', rows } } });
});
afterAll(async () => {
  await double.stop();
  redis.disconnect();
});
afterEach(() => double.reset());

/** Like a process of its own: it shares no scan. */
function createScans(onPage: () => void = () => {}) {
  const client = createTableClient({
    connectionString: double.connectionString,
    tableName: 'audit',
    allowInsecureConnection: true,
  });
  const reader = new PageReader(toFixedConnection(client), new ScanSlots(4), {
    timeoutMs: 10_000,
    retryForMs: 10_000,
    allowInsecureConnection: true,
  });
  const scans = new SharedScans({ daySets, pages: reader, hash });
  return (signal: AbortSignal) =>
    scans.scan(DAY, { demand: { createdAt: 1, maxAgeSeconds: 0 }, query: {}, isUrgent: false, onPage }, signal);
}

/** The number of pages that were read again. */
function countPagesReadAgain(): number {
  const served = double.requests.filter(({ end, status }) => end === 'answered' && status === 200);
  return served.length - new Set(served.map(({ continuation }) => JSON.stringify(continuation))).size;
}

describe('a day of a million entities', () => {
  it('is read completely although it is interrupted ten times', async () => {
    for (let round = 1; round <= 10; round += 1) {
      const controller = new AbortController();
      let pages = 0;
      const scan = createScans(() => {
        pages += 1;
        if (pages === 90) controller.abort(new Error('drain'));
      });
      await expect(scan(controller.signal)).rejects.toThrow('drain');
    }
    const { identifiers, ...head } = await createScans()(new AbortController().signal);
    const { count, entitiesRead, entitiesWithoutIdentifier } = double.truth('audit', DAY, DAY);
    expect({ ...head, count: identifiers.length / 16 }).toEqual({
      scannedAt: expect.any(Number) as number,
      demandedAt: 1,
      count,
      entitiesRead,
      entitiesWithoutIdentifier,
    });
    // The page in flight at each interruption may have been answered after the abort.
    expect(countPagesReadAgain()).toBeLessThanOrEqual(10);
    const { position, identifiers: found } = keys.checkpoint('giant', DAY);
    expect(await redis.exists(position, found)).toBe(0);
  });
});

describe('a checkpoint', () => {
  const position = {
    scannedAt: 5,
    demandedAt: 5,
    entitiesRead: 2,
    entitiesWithoutIdentifier: 0,
    after: { partitionKey: 'a' },
    resumedAfter: [],
  };
  const ids = (letters: string) => Buffer.from([...letters].map((letter) => letter.repeat(16)).join(''));
  const isNotNeeded = () => ids('!');

  it('grows by the new identifiers, and returns all of them', async () => {
    const day = '2021-01-01' as CalendarDay;
    const writer = daySets.openCheckpoint(day, undefined);
    await writer.save(position, ids('aa'), isNotNeeded);
    const later = { ...position, entitiesRead: 4, after: { partitionKey: 'a', rowKey: 'b' } };
    await writer.save(later, ids('b'), isNotNeeded);
    const { checkpoint } = await daySets.readStart(day);
    expect(checkpoint).toEqual({ ...later, identifiers: ids('aab') });
    await daySets.openCheckpoint(day, checkpoint).save(position, ids('c'), isNotNeeded);
    expect((await daySets.readStart(day)).checkpoint?.identifiers).toEqual(ids('aabc'));
  });

  it('of one scan is never mixed up with that of another of the same day', async () => {
    const day = '2021-01-02' as CalendarDay;
    const early = daySets.openCheckpoint(day, undefined);
    await early.save(position, ids('a'), isNotNeeded);
    const late = daySets.openCheckpoint(day, undefined);
    await late.save({ ...position, scannedAt: 9 }, ids('bb'), isNotNeeded);
    await early.save({ ...position, entitiesRead: 50 }, ids('c'), () => ids('ac'));
    expect((await daySets.readStart(day)).checkpoint).toMatchObject({ scannedAt: 5, identifiers: ids('ac') });
    await late.save({ ...position, scannedAt: 9, demandedAt: 9, entitiesRead: 9 }, ids('d'), () => ids('bbd'));
    expect((await daySets.readStart(day)).checkpoint).toMatchObject({ scannedAt: 9, identifiers: ids('bbd') });
  });

  it('and a day set stay when an older scan of the day ends later', async () => {
    const day = '2021-01-04' as CalendarDay;
    const daySet = {
      scannedAt: 5,
      demandedAt: 5,
      entitiesRead: 1,
      entitiesWithoutIdentifier: 0,
      identifiers: ids('a'),
    };
    await daySets.write(day, { ...daySet, scannedAt: 8 });
    await daySets.openCheckpoint(day, undefined).save({ ...position, scannedAt: 9 }, ids('b'), isNotNeeded);
    await daySets.write(day, daySet);
    expect(await daySets.readStart(day)).toMatchObject({ head: { scannedAt: 8 }, checkpoint: { scannedAt: 9 } });
  });

  it('is not trusted when its parts do not match', async () => {
    const day = '2021-01-03' as CalendarDay;
    const keysOfDay = keys.checkpoint('giant', day);
    const isTrusted = async () => (await daySets.readStart(day)).checkpoint !== undefined;
    const save = () => daySets.openCheckpoint(day, undefined).save(position, ids('aa'), isNotNeeded);
    await save();
    expect(await isTrusted()).toBe(true);
    await redis.setrange(keysOfDay.identifiers, 3, 'x');
    expect(await isTrusted()).toBe(false);
    await redis.del(keysOfDay.identifiers);
    expect(await isTrusted()).toBe(false);
    await save();
    const text = (await redis.get(keysOfDay.position)) ?? '';
    await redis.set(keysOfDay.position, text.replace('"entitiesRead":2', '"entitiesRead":3'));
    expect(await isTrusted()).toBe(false);
    await redis.set(keysOfDay.position, text.slice(0, -5));
    expect(await isTrusted()).toBe(false);
  });
});
