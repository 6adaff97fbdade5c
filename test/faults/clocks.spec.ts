import { Queue } from 'bullmq';
import { describe, expect, it } from 'vitest';
import type { Fault } from '../support/table-double/fault-rules';
import { waitUntil } from '../support/wait-until';
import { blockingFor, canSkewClocks, skewed } from './harness/process-options';
import { now } from './harness/history';
import { onStage, PAGE_LATENCY, WHOLE_RANGE } from './harness/on-stage';
import { profile } from './harness/profile';
import { failUnforeseen } from './harness/unforeseen-failure';

const ONE_DAY = { start: '2021-10-03', end: '2021-10-03' };

const OFFSETS = ['+2h', '-2h'];

/** Faults that pass, with the least time until the worker retries the page. */
const PASSING: [name: string, fault: Fault, leastMs: number][] = [
  ['a reset', { kind: 'reset' }, 50],
  ['503 with Retry-After', { kind: 'status', status: 503, retryAfterSeconds: 1 }, 1_000],
  ['silence', { kind: 'hang' }, profile.pageTimeoutSeconds * 1_000],
];

/** The first back-off is at most 100 ms, and the double answers after 60 ms; the rest is for a busy machine. */
const RETRY_SLACK_MS = 1_000;

const NO_FAKETIME = canSkewClocks ? '' : ' (skipped: no libfaketime here, from the package faketime)';

describe.skipIf(NO_FAKETIME)(`fault 18: the clocks of the processes differ by hours${NO_FAKETIME}`, () => {
  it('a worker two hours ahead, one two behind, an API one ahead: no result disappears, and all times are of one clock', () =>
    onStage({ apis: 1, workers: 0, env: { RESULT_TTL_SECONDS: '3600' } }, async (stage) => {
      const begun = now();
      await stage.addApi(skewed('+1h'));
      const ids: string[] = [];
      for (const offset of ['-2h', '+2h', '-2h']) {
        const worker = await stage.addWorker(skewed(offset));
        for (let i = 0; i < 4; i += 1) ids.push(await stage.callers[0].submitUntilAccepted(ONE_DAY));
        for (const id of ids) await stage.waitForEnd(id);
        await stage.end(worker);
      }
      for (const id of ids) {
        const { status, createdAt, startedAt, finishedAt } = await stage.waitForEnd(id);
        expect(status).toBe('Completed');
        const times = [
          begun - 1_000,
          ...[createdAt, startedAt, finishedAt].map((time) => Date.parse(time ?? '')),
          now() + 1_000,
        ];
        expect(times).toEqual([...times].sort((a, b) => a - b));
        expect((await stage.callers[0].result(id)).answer?.status).toBe(200);
      }
    }));

  it('a worker two hours ahead takes over from one two behind: no stored day is read again', () =>
    onStage({ workers: 0 }, async (stage) => {
      const first = await stage.addWorker(skewed('-2h'));
      const id = await stage.callers[0].submitUntilAccepted(WHOLE_RANGE);
      const { progress } = await stage.waitFor(id, 'days', ({ progress }) => progress.daysDone >= 5);
      await stage.end(first);
      await stage.double.reset();
      await stage.addWorker(skewed('+2h'));
      expect((await stage.waitForEnd(id)).status).toBe('Completed');
      const begun = (await stage.double.requests()).filter(({ day, continuation }) => day && continuation === null);
      expect(begun.length).toBeLessThanOrEqual(20 - progress.daysDone);
    }));

  it.each(OFFSETS)('a worker %s fails a run and is killed: another worker does not wait for its clock', (offset) =>
    onStage({ workers: 0 }, async (stage) => {
      const { client } = stage.redis;
      const queue = new Queue('queries', { connection: client, prefix: '{audit-query}' });
      const late = await stage.addWorker(skewed(offset));
      const { id, mend } = await failUnforeseen(stage, ONE_DAY);
      // No worker takes the query before this one has ended.
      await queue.pause();
      await waitUntil(
        'the attempt to end',
        () => client.hget(`{audit-query}:queries:${id}`, 'atm'),
        (attempts) => attempts === '1',
      );
      await stage.end(late, 'SIGKILL');
      await mend();
      await stage.addWorker();
      await queue.resume();
      expect((await stage.waitForEnd(id)).status).toBe('Completed');
      await queue.close();
    }),
  );

  it.each(OFFSETS)('a worker %s: retries a failed page on time', (offset) =>
    onStage({ workers: 0 }, async (stage) => {
      await stage.addWorker(skewed(offset));
      for (const [name, fault, leastMs] of PASSING) {
        await stage.double.reset();
        await stage.double.configure({ faults: [PAGE_LATENCY, { fault, day: ONE_DAY.start, from: 1, to: 1 }] });
        const document = await stage.waitForEnd(await stage.callers[0].submitUntilAccepted(ONE_DAY));
        expect([name, document.status]).toEqual([name, 'Completed']);
        const requests = (await stage.double.requests()).filter(({ day }) => day !== null);
        const faults = [['latency', fault.kind], ['latency'], ['latency'], ['latency']];
        expect([name, requests.map((request) => request.faults)]).toEqual([name, faults]);
        const [refused, again] = requests;
        const gapMs = again!.receivedAtMs - refused!.receivedAtMs;
        console.log(`a worker ${offset}, ${name}: asked again after ${Math.round(gapMs)} ms`);
        expect(gapMs).toBeGreaterThanOrEqual(leastMs);
        expect(gapMs).toBeLessThan(leastMs + RETRY_SLACK_MS);
      }
    }),
  );

  it.each([
    ['+2h', '-2h'],
    ['-2h', '+2h'],
  ])('a day that a worker %s has stored is reused by one %s, as old as Redis’ clock says', (storer, reader) =>
    onStage({ apis: 0, workers: 0 }, async (stage) => {
      await stage.addApi(skewed('+1h'));
      /** Runs a query for the day with this maxAgeSeconds. */
      const run = async (maxAgeSeconds: number) => {
        const aged = { ...ONE_DAY, maxAgeSeconds };
        const document = await stage.waitForEnd(await stage.callers[0].submitUntilAccepted(aged));
        expect(document.status).toBe('Completed');
        return document.result!;
      };
      const begun = now();
      const first = await stage.addWorker(skewed(storer));
      const { oldestScanAt } = await run(0);
      const scannedAt = Date.parse(oldestScanAt ?? '');
      expect(scannedAt).toBeGreaterThan(begun - 1_000);
      expect(scannedAt).toBeLessThan(now() + 1_000);
      await stage.end(first);
      await stage.addWorker(skewed(reader));
      expect(await run(600)).toMatchObject({ daysReused: 1, daysScanned: 0, oldestScanAt });
      await waitUntil(
        'the day to be older than a second',
        async () => Number((await stage.redis.client.time())[0]) * 1_000,
        (time) => time > scannedAt + 1_000,
      );
      const anew = await run(1);
      expect(anew).toMatchObject({ daysReused: 0, daysScanned: 1 });
      expect(await run(600)).toMatchObject({ daysReused: 1, oldestScanAt: anew.oldestScanAt });
      expect(await run(0)).toMatchObject({ daysReused: 0 });
    }),
  );

  it.each(OFFSETS)(
    'an API %s removes ended queries from its lists, keeps new ones, and returns a short Retry-After for a new query',
    (offset) =>
      onStage({ apis: 0, workers: 0 }, async (stage) => {
        await stage.addApi(skewed(offset));
        const [caller] = stage.callers;
        const { client } = stage.redis;
        const list = `{audit-query}:queries-of:${encodeURIComponent(caller.caller)}`;
        const id = await caller.submitUntilAccepted(ONE_DAY);
        // One entry of a submission in progress, and one without a record.
        const [young, gone] = ['1'.repeat(32), '2'.repeat(32)];
        const createdAt = Number((await client.time())[0]) * 1_000;
        await client.zadd(list, createdAt, young, createdAt - 2 * 3_600_000, gone);
        expect((await caller.list()).answer?.status).toBe(200);
        expect((await client.zrange(list, 0, -1)).sort()).toEqual([young, id].sort());
        expect(Number((await caller.read(id)).answer?.retryAfter)).toBeLessThanOrEqual(2);
        await client.zrem(list, young);
        await stage.addWorker();
        expect((await stage.waitForEnd(id)).status).toBe('Completed');
      }),
  );
});

describe('fault 19: an event loop is blocked for ten seconds', () => {
  const BLOCK_MS = 10_000;
  const blocking = blockingFor(BLOCK_MS);

  it('of a worker: another worker takes over, and the late one publishes nothing', () =>
    onStage({ workers: 0 }, async (stage) => {
      await stage.double.configure({ faults: [{ fault: { kind: 'latency', ms: 200 } }] });
      const late = await stage.addWorker(blocking);
      const id = await stage.callers[0].submitUntilAccepted(WHOLE_RANGE);
      await stage.waitForPages(5);
      await stage.blind(async () => {
        late.child.kill('SIGUSR2');
        await stage.addWorker();
        if (profile.name === 'fast') {
          await waitUntil(
            'the late worker to log LOCK_LOST',
            () => late.output(),
            (output) => output.includes('LOCK_LOST'),
          );
        }
        expect((await stage.waitForEnd(id)).status).toBe('Completed');
      });
    }));

  it('of an API: its callers get late, correct answers', () =>
    onStage({ apis: 0, check: { unavailableWithinMs: BLOCK_MS + 5_000 } }, async (stage) => {
      const api = await stage.addApi(blocking);
      const before = await stage.callers[0].submitUntilAccepted(WHOLE_RANGE, 'before');
      api.child.kill('SIGUSR2');
      const calls = await Promise.all([
        stage.callers[0].submit(WHOLE_RANGE, 'before'),
        stage.callers[0].submit(ONE_DAY, 'during'),
        stage.callers[0].submit(ONE_DAY),
        stage.callers[0].read(before),
        stage.callers[0].result(before),
      ]);
      expect(calls.map(({ answer }) => [200, 202, 503].includes(answer?.status ?? 0))).not.toContain(false);
      const during = await stage.callers[0].submitUntilAccepted(ONE_DAY, 'during');
      for (const id of [before, during]) expect((await stage.waitForEnd(id)).status).toBe('Completed');
    }));
});
