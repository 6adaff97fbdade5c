import { describe, expect, it } from 'vitest';
import type { QueryOutcome } from '#shared/contract/query-document';
import { waitUntilReady } from '../support/service-processes';
import { waitUntil } from '../support/wait-until';
import { canWatchDiskSyncs, watchDiskSyncs } from './harness/disk-syncs';
import { onStage, WHOLE_RANGE } from './harness/on-stage';
import { holdPublication } from './harness/publication';
import type { Stage } from './harness/stage';

const ONE_DAY = { start: '2021-10-03', end: '2021-10-03' };

describe('fault 11: a power cut loses the end of the append-only file', () => {
  it('a lost query is 404, an older one is kept, and the lost key can be submitted again', () =>
    onStage({ redis: { appendfsync: 'always' }, workers: 0, check: { mayBeLost: true } }, async (stage) => {
      const [caller] = stage.callers;
      const kept = await caller.submitUntilAccepted(ONE_DAY, 'kept');
      const keptBytes = await stage.redis.logSize();
      const lost = await caller.submitUntilAccepted(ONE_DAY, 'lost');
      await stage.redis.kill();
      // Also in the middle of a command: Redis ignores an incomplete command at the end.
      await stage.redis.cutLog(keptBytes + 20);
      await stage.redis.start();
      await waitUntilReady(stage.apis[0]!);
      expect((await caller.read(kept)).answer?.document?.status).toBe('Pending');
      expect((await caller.read(lost)).answer?.status).toBe(404);
      expect(await caller.submitUntilAccepted(ONE_DAY, 'lost')).toBe(lost);
      await stage.addWorker();
      for (const id of [kept, lost]) expect((await stage.waitForEnd(id)).status).toBe('Completed');
    }));

  it('a query whose outcome is lost runs again, reads no page, and has the same count', () =>
    onStage({ redis: { appendfsync: 'always' } }, async (stage) => {
      const { client } = stage.redis;
      const readOutcome = () => client.get(`{audit-query}:outcome:${id}`);
      const aimed = holdPublication(stage.proxies.worker);
      const id = await stage.callers[0].submitUntilAccepted(WHOLE_RANGE);
      await aimed;
      const bytesBefore = await stage.redis.logSize();
      stage.proxies.worker.setMode('pass');
      const lost = await waitUntil('the outcome', readOutcome, (outcome) => outcome !== null);
      await stage.waitUntilIdle();
      const { length } = await stage.double.requests();
      await stage.blind(async () => {
        await stage.redis.kill();
        await stage.redis.cutLog(bytesBefore);
        await stage.redis.start();
        await Promise.all([...stage.apis, ...stage.workers].map(waitUntilReady));
      });
      expect((await stage.waitForEnd(id)).status).toBe('Completed');
      const [before, after] = [lost, await readOutcome()].map((outcome) => JSON.parse(outcome!) as QueryOutcome);
      expect(after!.finishedAt).toBeGreaterThan(before!.finishedAt);
      expect(after!.result).toEqual(before!.result);
      const askedSince = (await stage.double.requests()).slice(length);
      expect(askedSince.filter(({ day }) => day !== null)).toEqual([]);
    }));
});

const NO_STRACE = canWatchDiskSyncs ? '' : ' (skipped: no strace here, from the package strace)';

/** With everysec the power cut happens so long after the last sync: just before the next one, the worst moment. */
const WORST_AFTER_SYNC_MS = 950;

/** The longest time between two syncs: a second, and another second while the disk is busy. */
const LOST_WITHIN_MS = 2_000;

/** Submits queries, one after the other, until `isTime` returns true. */
async function submitUntil({ callers, redis }: Stage, isTime: () => Promise<boolean>) {
  const accepted: { id: string; askedAt: number; at: number; logBytes: number }[] = [];
  while (!(await isTime())) {
    const askedAt = Date.now();
    const id = await callers[0].submitUntilAccepted(ONE_DAY);
    accepted.push({ id, askedAt, at: Date.now(), logBytes: await redis.logSize() });
  }
  return accepted;
}

describe.skipIf(NO_STRACE)(`fault 11: the disk at a power cut${NO_STRACE}`, () => {
  it('with appendfsync always: has every accepted query before its 202', () =>
    onStage({ redis: { appendfsync: 'always' } }, async (stage) => {
      const watch = await watchDiskSyncs(stage.redis.pid);
      let left = 200;
      const accepted = await submitUntil(stage, async () => (left -= 1) < 0);
      const syncs = await watch.read();
      await watch.stop();
      // Both times are rounded down to whole milliseconds.
      const isForced = ({ askedAt, at }: { askedAt: number; at: number }) =>
        syncs.some(({ startedAt, endedAt }) => startedAt >= askedAt && endedAt <= at + 1);
      expect(accepted.filter((one) => !isForced(one))).toEqual([]);
    }));

  it('with everysec, just before the next sync: has all queries but those of the last two seconds', () =>
    onStage({ workers: 0, check: { mayBeLost: true } }, async (stage) => {
      const watch = await watchDiskSyncs(stage.redis.pid);
      const begun = Date.now();
      const isTime = async () => {
        const last = (await watch.read()).findLast(({ startedAt }) => startedAt > begun + 2_000);
        return last !== undefined && Date.now() - last.startedAt > WORST_AFTER_SYNC_MS;
      };
      const accepted = await submitUntil(stage, isTime);
      await stage.redis.kill();
      const cutAt = Date.now();
      const last = (await watch.read()).at(-1)!;
      await watch.stop();
      await stage.redis.cutLog(accepted.findLast(({ at }) => at <= last.startedAt)!.logBytes);
      await stage.redis.start();
      await waitUntilReady(stage.apis[0]!);
      const lost: typeof accepted = [];
      for (const one of accepted) if ((await stage.callers[0].read(one.id)).answer?.status === 404) lost.push(one);
      const oldestMs = cutAt - Math.min(...lost.map(({ at }) => at));
      console.log(`everysec: ${lost.length} of ${accepted.length} lost, the first accepted ${oldestMs} ms before`);
      expect(lost.length).toBeGreaterThan(0);
      expect(oldestMs).toBeLessThan(LOST_WITHIN_MS);
      await stage.addWorker();
    }));
});
