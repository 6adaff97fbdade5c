import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import type { CalendarDay } from '#shared/contract/calendar-day';
import type { ContinuationToken, DayCheckpoint } from '#shared/contract/day-set';
import { RecordKeys } from '#shared/redis/record-keys';
import { RedisDaySets } from '#shared/redis/redis-day-sets';
import { type RedisServer, startRedis } from '../../apps/local/src/redis-server';
import { type Page, scanDay } from '../../apps/worker/src/queries/day-scan';
import { createIdentifierHash, type IdentifierHash } from '../../apps/worker/src/queries/identifier-hash';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy';
import { waitUntil } from '../support/wait-until';

const DAY = '2021-10-10' as CalendarDay;
/** The interval of checkpoints. */
const PAGES_PER_CHECKPOINT = 50;

let hash: IdentifierHash;

/** The identifiers of a page for the scan that began at this time; the table changes between scans. */
function readIdentifiers(scannedAt: number, page: number): string[] {
  return [`${scannedAt}-${page}`, `always-${page % 40}`];
}

/** The hashes of the first pages, in a defined order. */
function listHashes(scannedAt: number, pages: number): string[] {
  const identifiers = Array.from({ length: pages }, (_, page) => readIdentifiers(scannedAt, page)).flat();
  const hashes = identifiers.map((identifier) => Buffer.from(hash(identifier)).toString('hex'));
  return [...new Set(hashes)].sort();
}

function listStoredHashes({ identifiers }: DayCheckpoint): string[] {
  const text = Buffer.from(identifiers).toString('hex');
  return (text.match(/.{32}/g) ?? []).sort();
}

/** A scan of the day, whose pages the test releases. */
class SteppedScan {
  private budget = 0;
  private proceed = () => {};
  private parked: () => void = () => {};
  private readonly stop = new AbortController();
  private readonly ended: Promise<unknown>;
  isOver = false;

  constructor(daySets: RedisDaySets, scannedAt: number, resumed: DayCheckpoint | undefined) {
    const checkpoint = daySets.openCheckpoint(DAY, resumed);
    const read = async (_range: object, after: ContinuationToken | undefined, signal: AbortSignal): Promise<Page> => {
      const page = Number(after?.rowKey ?? 0);
      if (this.budget === 0) {
        const given = new Promise<void>((resolve) => (this.proceed = resolve));
        this.parked();
        await given;
      }
      signal.throwIfAborted();
      this.budget -= 1;
      const identifiers = readIdentifiers(scannedAt, page);
      return { identifiers, entitiesWithoutIdentifier: 0, next: { rowKey: String(page + 1) } };
    };
    const start = { scannedAt, demandedAt: scannedAt, resumed, checkpoint, claims: [] };
    this.ended = scanDay(DAY, start, { pages: { read }, hash }, () => {}, this.stop.signal)
      .catch(() => {})
      .then(() => (this.isOver = true));
  }

  /** Reads to the next checkpoint, until it is stored or lost. */
  async read(): Promise<void> {
    const parked = new Promise<void>((resolve) => (this.parked = resolve));
    this.budget = PAGES_PER_CHECKPOINT;
    this.proceed();
    await Promise.race([parked, this.ended]);
  }

  /** Reads a few pages more and stops. */
  async end(): Promise<void> {
    const parked = new Promise<void>((resolve) => (this.parked = resolve));
    this.budget = 3;
    this.proceed();
    await Promise.race([parked, this.ended]);
    this.stop.abort(new Error('stopped'));
    this.proceed();
    await this.ended;
  }
}

/** `passing`: how many scripts are answered before the one whose request or reply is lost. */
type Fault = 'none' | 'refused' | { lost: 'requests-lost' | 'replies-lost'; passing: number };

const lost = fc.record({
  lost: fc.constantFrom<'requests-lost' | 'replies-lost'>('requests-lost', 'replies-lost'),
  passing: fc.nat(1),
});
const step = fc.record({
  scan: fc.nat(2),
  act: fc.constantFrom<'read' | 'end'>('read', 'read', 'read', 'end'),
  resumes: fc.boolean(),
  fault: fc.oneof(fc.constant<Fault>('none'), fc.constant<Fault>('none'), fc.constant<Fault>('refused'), lost),
});

// The embedded Redis refuses no write.
describe.runIf(inject('redisKind') !== 'embedded')('checkpoints of scans of one day', () => {
  let server: RedisServer;
  let direct: Redis;
  let proxy: TcpProxy;
  /** Of the scans. */
  let redis: Redis;
  let keys: RecordKeys;
  let losing: Exclude<Fault, string> | undefined;
  let isLost = false;

  beforeAll(async () => {
    hash = await createIdentifierHash('a key for tests, of more than 32 characters');
    server = await startRedis({ kind: 'native' });
    direct = new Redis(server.url);
    const { hostname, port } = new URL(server.url);
    proxy = await startTcpProxy({ host: hostname, port: Number(port) });
    // Only the script that stores a checkpoint, not the commands before.
    proxy.onSent('evalsha', () => {
      if (losing === undefined || isLost || losing.passing-- > 0) return;
      isLost = true;
      proxy.setMode(losing.lost);
    });
    redis = new Redis(proxy.port, '127.0.0.1', { maxRetriesPerRequest: null });
    redis.on('error', () => {});
  });
  beforeEach(() => {
    keys = new RecordKeys(`{t-${randomUUID()}}`);
  });
  afterAll(async () => {
    redis.disconnect();
    direct.disconnect();
    await proxy.stop();
    await server.stop();
  });

  const open = (client: Redis) =>
    new RedisDaySets(client, keys, { tableFingerprint: 'x', ttlSeconds: 60, onFull: () => {} });

  async function countScripts(): Promise<number> {
    return Number(/cmdstat_evalsha:calls=(\d+)/.exec(await direct.info('commandstats'))?.[1] ?? 0);
  }

  /** Calls `act` while Redis refuses writes, or while the next write has no reply and its connection ends. */
  async function during(fault: Fault, act: () => Promise<void>): Promise<void> {
    if (fault === 'none') return act();
    if (fault === 'refused') {
      await direct.config('SET', 'min-replicas-to-write', 1);
      return act().finally(() => direct.config('SET', 'min-replicas-to-write', 0));
    }
    let isOver = false;
    const scriptsBefore = await countScripts();
    const scripts = fault.passing + 1;
    losing = { ...fault };
    isLost = false;
    const acting = act().then(() => (isOver = true));
    await waitUntil(
      'the write to be lost',
      async () =>
        isOver || (isLost && (fault.lost === 'requests-lost' || (await countScripts()) - scriptsBefore >= scripts)),
      (isReached) => isReached,
    );
    losing = undefined;
    if (!isLost) return;
    redis.disconnect();
    proxy.setMode('pass');
    await waitUntil(
      'the connection to end',
      () => redis.status,
      (status) => status === 'end',
    );
    await redis.connect();
    await acting;
  }

  /** @throws Error when the stored checkpoint differs from the pages that its scan has read. */
  async function checkStored(): Promise<DayCheckpoint | undefined> {
    const { checkpoint } = await open(direct).readStart(DAY);
    if (checkpoint === undefined) return undefined;
    const pages = Number(checkpoint.after.rowKey);
    expect(checkpoint).toMatchObject({ entitiesRead: 2 * pages, entitiesWithoutIdentifier: 0 });
    expect(listStoredHashes(checkpoint)).toEqual(listHashes(checkpoint.scannedAt, pages));
    return checkpoint;
  }

  it('contain exactly the pages that their scan has read, whatever is refused or lost', { timeout: 300_000 }, () =>
    fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 14 }), async (steps) => {
        keys = new RecordKeys(`{t-${randomUUID()}}`);
        const scans = new Map<number, SteppedScan>();
        let now = 1_000;
        for (const { scan: place, act, resumes, fault } of steps) {
          now += 1;
          const stored = await checkStored();
          let scan = scans.get(place);
          if (scan === undefined || scan.isOver) {
            const resumed = resumes ? stored : undefined;
            scan = new SteppedScan(open(redis), resumed?.scannedAt ?? now, resumed);
            scans.set(place, scan);
          }
          await during(fault, act === 'read' ? () => scan.read() : () => scan.end());
          await checkStored();
        }
        for (const scan of scans.values()) await scan.end();
        // Without a fault the last scan that stored something left it whole.
        expect(await checkStored()).toBeDefined();
      }),
      { numRuns: 60 },
    ),
  );

  it.each<[string, (stored: { position: string; identifiers: string }) => Promise<unknown>]>([
    ['identifiers are more than at its position', ({ identifiers }) => direct.append(identifiers, 'x'.repeat(16))],
    ['identifiers are gone', ({ identifiers }) => direct.del(identifiers)],
    ['the position is gone', ({ position }) => direct.del(position)],
  ])('are not read when %s, and are whole after the next save', async (_name, damage) => {
    const scan = new SteppedScan(open(redis), 1_000, undefined);
    await scan.read();
    expect(await checkStored()).toMatchObject({ entitiesRead: 100 });
    await damage(keys.checkpoint('x', DAY));
    expect(await checkStored()).toBeUndefined();
    await scan.read();
    expect(await checkStored()).toMatchObject({ entitiesRead: 200 });
    await scan.end();
  });

  it('are not read when their identifiers are others of the same number', async () => {
    const scan = new SteppedScan(open(redis), 1_000, undefined);
    await scan.read();
    await direct.setrange(keys.checkpoint('x', DAY).identifiers, 0, 'x'.repeat(16));
    expect(await checkStored()).toBeUndefined();
    await scan.end();
    expect(await checkStored()).toBeUndefined();
  });
});
