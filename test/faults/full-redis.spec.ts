import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { QueryOutcome } from '#shared/contract/query-document';
import { waitUntilReady } from '../support/service-processes';
import { waitUntil } from '../support/wait-until';
import { now } from './harness/history';
import { onStage, WHOLE_RANGE } from './harness/on-stage';
import { profile } from './harness/profile';
import { holdPublication } from './harness/publication';
import type { Stage } from './harness/stage';

const ONE_DAY = { start: '2021-10-03', end: '2021-10-03' };

/** What a Redis needs to start, and little more. */
const DISK_BYTES = 1_000_000;

async function readiness(url: string): Promise<number> {
  return (await fetch(`${url}/health/ready`)).status;
}

function waitForReadiness(url: string, expected: number) {
  return waitUntil(
    `${url} to answer ${expected}`,
    () => readiness(url),
    (status) => status === expected,
  );
}

/** Submits until it is refused. @returns How many were accepted before. */
async function submitUntilRefused(stage: Stage): Promise<number> {
  for (let accepted = 0; ; accepted += 1) {
    const { answer } = await stage.callers[0].submit(ONE_DAY);
    if (answer?.status !== 202) {
      expect(answer?.status).toBe(503);
      return accepted;
    }
  }
}

async function usedMemory(stage: Stage): Promise<number> {
  return Number(/^used_memory:(\d+)/m.exec(await stage.redis.client.info('memory'))?.[1]);
}

describe('fault 10: Redis has no memory left', () => {
  it('refuses with 503, finishes what runs when there is room, and recovers', () =>
    onStage({}, async (stage) => {
      const id = await stage.callers[0].submitUntilAccepted(WHOLE_RANGE);
      await stage.waitForPages(20);
      await stage.blind(async () => {
        await stage.redis.client.config('SET', 'maxmemory', await usedMemory(stage));
        await submitUntilRefused(stage);
        expect((await stage.callers[0].read(id)).answer?.status).toBe(503);
        await stage.waitForPages(40);
        await stage.redis.client.config('SET', 'maxmemory', 0);
      });
      expect((await stage.waitForEnd(id)).status).toBe('Completed');
      await stage.callers[0].submitUntilAccepted(ONE_DAY);
    }));

  it('for longer than any retry: what runs ends all the same, and what waits does when there is room', () =>
    onStage({ env: { QUERIES_PER_WORKER: '1' } }, async (stage) => {
      const [caller] = stage.callers;
      const { client } = stage.redis;
      const readOutcome = (id: string) => client.get(`{audit-query}:outcome:${id}`);
      const running = await caller.submitUntilAccepted(WHOLE_RANGE);
      const waiting = await caller.submitUntilAccepted(ONE_DAY);
      await stage.waitForPages(20);
      const fullSince = now();
      await client.config('SET', 'maxmemory', 1);
      const written = await waitUntil(
        'its outcome',
        () => readOutcome(running),
        (outcome) => outcome !== null,
        profile.settleMs,
      );
      expect((await caller.read(running)).answer?.status).toBe(503);
      await waitUntil('the time to pass', now, (time) => time > fullSince + 12_000);
      expect(await readOutcome(running)).toBe(written);
      expect(await readOutcome(waiting)).toBeNull();
      await client.config('SET', 'maxmemory', 0);
      expect((await stage.waitForEnd(running)).status).toBe('Completed');
      expect((await stage.waitForEnd(waiting)).status).toBe('Completed');
    }));
});

describe('fault 10: Redis may evict what it holds', () => {
  it('is never ready, and is when that is mended', () =>
    onStage({}, async (stage) => {
      const urls = [stage.apis[0]!.url, stage.workers[0]!.url];
      await stage.redis.client.config('SET', 'maxmemory-policy', 'allkeys-lru');
      for (const url of urls) await waitForReadiness(url, 503);
      await stage.redis.client.config('SET', 'maxmemory-policy', 'noeviction');
      for (const url of urls) await waitForReadiness(url, 200);
    }));
});

// A file system of a given size can only be mounted by root.
const NOT_ROOT = process.getuid?.() === 0 ? '' : ' (skipped: only root can mount a small disk)';

describe.skipIf(NOT_ROOT)(`fault 10: the disk under Redis is full${NOT_ROOT}`, () => {
  it('refuses with 503, and recovers when there is room', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'audit-query-disk-'));
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_BYTES}`, 'tmpfs', folder]);
    try {
      await onStage({ redis: { appendfsync: 'everysec', folder } }, async (stage) => {
        const id = await stage.callers[0].submitUntilAccepted(WHOLE_RANGE);
        await stage.waitForPages(10);
        const ballast = join(folder, 'ballast');
        await stage.blind(async () => {
          await writeFile(ballast, Buffer.alloc(DISK_BYTES)).catch(() => {});
          await submitUntilRefused(stage);
          await rm(ballast);
          await Promise.all([...stage.apis, ...stage.workers].map(waitUntilReady));
        });
        await stage.callers[0].submitUntilAccepted(ONE_DAY);
        expect((await stage.waitForEnd(id)).status).toBe('Completed');
      });
    } finally {
      execFileSync('umount', ['--lazy', folder]);
      await rm(folder, { recursive: true, force: true });
    }
  });
});

describe('fault 11: the end of the append-only file is lost with the power', () => {
  it('a lost query is unknown, an older one is not, and the same key can be submitted again', () =>
    onStage({ redis: { appendfsync: 'always' }, workers: 0, check: { mayBeLost: true } }, async (stage) => {
      const [caller] = stage.callers;
      const kept = await caller.submitUntilAccepted(ONE_DAY, 'kept');
      const keptBytes = await stage.redis.logSize();
      const lost = await caller.submitUntilAccepted(ONE_DAY, 'lost');
      await stage.redis.kill();
      // Also in the middle of a command: what is half there counts as not there.
      await stage.redis.cutLog(keptBytes + 20);
      await stage.redis.start();
      await waitUntilReady(stage.apis[0]!);
      expect((await caller.read(kept)).answer?.document?.status).toBe('Pending');
      expect((await caller.read(lost)).answer?.status).toBe(404);
      expect(await caller.submitUntilAccepted(ONE_DAY, 'lost')).toBe(lost);
      await stage.addWorker();
      for (const id of [kept, lost]) expect((await stage.waitForEnd(id)).status).toBe('Completed');
    }));

  it('a query whose outcome is lost is run again: it reads nothing anew, and its count is as exact', () =>
    onStage({ redis: { appendfsync: 'always' } }, async (stage) => {
      const { client } = stage.redis;
      const readOutcome = () => client.get(`{audit-query}:outcome:${id}`);
      const aimed = holdPublication(stage.lines.worker);
      const id = await stage.callers[0].submitUntilAccepted(WHOLE_RANGE);
      await aimed;
      const bytesBefore = await stage.redis.logSize();
      stage.lines.worker.setMode('pass');
      const lost = await waitUntil('its outcome', readOutcome, (outcome) => outcome !== null);
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

  it('what was accepted more than two seconds before is there (appendfsync everysec)', () =>
    onStage({ workers: 0, check: { mayBeLost: true } }, async (stage) => {
      const accepted: { id: string; at: number; logBytes: number }[] = [];
      const begun = now();
      while (now() - begun < 4_000) {
        const id = await stage.callers[0].submitUntilAccepted(ONE_DAY);
        accepted.push({ id, at: now(), logBytes: await stage.redis.logSize() });
      }
      const cutAt = now();
      await stage.redis.kill();
      // Forced to the disk once a second, after a write that Redis puts off for up to another one while the disk is busy.
      const durable = accepted.filter(({ at }) => at < cutAt - 2_000);
      await stage.redis.cutLog(accepted.findLast(({ at }) => at < cutAt - 1_000)!.logBytes);
      await stage.redis.start();
      await waitUntilReady(stage.apis[0]!);
      const known = new Set<string>();
      for (const { id } of accepted) if ((await stage.callers[0].read(id)).answer?.status === 200) known.add(id);
      console.log(`power cut with everysec: ${accepted.length - known.size} of ${accepted.length} lost`);
      expect(durable.filter(({ id }) => !known.has(id))).toEqual([]);
      await stage.addWorker();
    }));
});
