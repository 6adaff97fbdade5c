import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import type { CalendarDay } from '#shared/contract/calendar-day';
import { connectForWork } from '#shared/redis/connections';
import { RecordKeys } from '#shared/redis/record-keys';
import { RedisDaySets } from '#shared/redis/redis-day-sets';
import { DayScans } from '../../apps/worker/src/queries/day-scans';
import { createIdentifierHash } from '../../apps/worker/src/queries/identifier-hash';
import { PageReader } from '../../apps/worker/src/table/page-reader';
import { ScanSlots } from '../../apps/worker/src/table/scan-slots';
import { createTableClient } from '../../apps/worker/src/table/table-client';
import { startTableDouble } from '../support/table-double/start-table-double';
import type { TableDouble } from '../support/table-double/table-double';

const DAY = '2021-10-10' as CalendarDay;
const PAGES = 1_000;

const hash = createIdentifierHash('a key for tests, of more than 32 characters');
const redis = connectForWork(inject('redisUrl'));
const keys = new RecordKeys(`{t-${randomUUID()}}`);
const daySets = new RedisDaySets(redis, keys, { tableFingerprint: 'giant', ttlSeconds: 600, onFull: () => {} });
let double: TableDouble;

beforeAll(async () => {
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

/** A process of its own, as far as a scan can tell. */
function createScans(onPage: () => void = () => {}) {
  const client = createTableClient({ connectionString: double.connectionString, tableName: 'audit' });
  const reader = new PageReader(client, new ScanSlots(4), { timeoutMs: 10_000, retryForMs: 10_000 });
  const scans = new DayScans({ daySets, pages: reader, hash });
  return (signal: AbortSignal) => scans.scan(DAY, { createdAt: 1, maxAgeSeconds: 0 }, onPage, signal);
}

/** How often a page was read more than once. */
function countPagesReadAgain(): number {
  const served = double.requests.filter(({ end, status }) => end === 'answered' && status === 200);
  return served.length - new Set(served.map(({ continuation }) => JSON.stringify(continuation))).size;
}

describe('a day of a million entities', () => {
  it('is finished though it is interrupted ten times, and no page is lost', async () => {
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
      count,
      entitiesRead,
      entitiesWithoutIdentifier,
    });
    // The page in flight at each interruption may have been answered, to nobody.
    expect(countPagesReadAgain()).toBeLessThanOrEqual(10);
    const { position, identifiers: found } = keys.checkpoint('giant', DAY);
    expect(await redis.exists(position, found)).toBe(0);
  });
});

describe('a checkpoint', () => {
  const position = { scannedAt: 5, entitiesRead: 2, entitiesWithoutIdentifier: 0, after: { partitionKey: 'a' } };
  const ids = (letter: string, count = 1) => Buffer.from(letter.repeat(16 * count));

  it('grows by what is new, and gives back all of it', async () => {
    const day = '2021-01-01' as CalendarDay;
    const writer = daySets.openCheckpoint(day, undefined);
    await writer.save(position, ids('a', 2));
    await writer.save({ ...position, entitiesRead: 4, after: { partitionKey: 'a', rowKey: 'b' } }, ids('b'));
    const { checkpoint } = await daySets.readStart(day);
    expect(checkpoint).toEqual({
      ...position,
      entitiesRead: 4,
      after: { partitionKey: 'a', rowKey: 'b' },
      identifiers: Buffer.concat([ids('a', 2), ids('b')]),
    });
    await daySets.openCheckpoint(day, checkpoint).save(position, ids('c'));
    expect((await daySets.readStart(day)).checkpoint?.identifiers).toEqual(
      Buffer.concat([ids('a', 2), ids('b'), ids('c')]),
    );
  });

  it('of one scan is never mixed up with that of another of the same day', async () => {
    const day = '2021-01-02' as CalendarDay;
    const early = daySets.openCheckpoint(day, undefined);
    await early.save(position, ids('a'));
    const late = daySets.openCheckpoint(day, undefined);
    await late.save({ ...position, scannedAt: 9 }, ids('b', 2));
    await early.save({ ...position, entitiesRead: 50 }, ids('c'));
    expect((await daySets.readStart(day)).checkpoint).toMatchObject({ scannedAt: 9, identifiers: ids('b', 2) });
  });

  it('is not trusted when its parts do not fit together', async () => {
    const day = '2021-01-03' as CalendarDay;
    await daySets.openCheckpoint(day, undefined).save(position, ids('a', 2));
    const { identifiers } = keys.checkpoint('giant', day);
    await redis.setrange(identifiers, 3, 'x');
    expect((await daySets.readStart(day)).checkpoint).toBeUndefined();
    await redis.del(identifiers);
    expect((await daySets.readStart(day)).checkpoint).toBeUndefined();
  });
});
