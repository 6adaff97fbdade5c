import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { waitUntilReady } from '../support/service-processes';
import { waitUntil } from '../support/wait-until';
import { now } from './harness/history';
import { onStage, WHOLE_RANGE } from './harness/on-stage';
import { profile } from './harness/profile';
import type { Stage } from './harness/stage';

const ONE_DAY = { start: '2021-10-03', end: '2021-10-03' };

/** Little more than Redis needs to start. */
const DISK_BYTES = 1_000_000;

/** More than the delays between a run's attempts, 1, 2 and 4 s, and than two locks, after which a lost run is taken over. */
const LONGER_THAN_RETRIES_MS = 7_000 + profile.lockSeconds * 2_500;

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

/** Submits until a refusal. @returns The number of accepted queries. */
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
  it('refuses with 503, completes running queries once there is memory, and recovers', () =>
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

  it('for longer than all retries: running queries end, and waiting ones once there is memory', () =>
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
        'the outcome',
        () => readOutcome(running),
        (outcome) => outcome !== null,
        profile.settleMs,
      );
      expect((await caller.read(running)).answer?.status).toBe(503);
      const isOver = (time: number) => time > fullSince + LONGER_THAN_RETRIES_MS;
      await waitUntil('the time to pass', now, isOver, 2 * LONGER_THAN_RETRIES_MS);
      expect(await readOutcome(running)).toBe(written);
      expect(await readOutcome(waiting)).toBeNull();
      await client.config('SET', 'maxmemory', 0);
      expect((await stage.waitForEnd(running)).status).toBe('Completed');
      expect((await stage.waitForEnd(waiting)).status).toBe('Completed');
    }));
});

describe('fault 10: Redis may evict records', () => {
  it('is not ready until the policy is noeviction', () =>
    onStage({}, async (stage) => {
      const urls = [stage.apis[0]!.url, stage.workers[0]!.url];
      await stage.redis.client.config('SET', 'maxmemory-policy', 'allkeys-lru');
      for (const url of urls) await waitForReadiness(url, 503);
      await stage.redis.client.config('SET', 'maxmemory-policy', 'noeviction');
      for (const url of urls) await waitForReadiness(url, 200);
    }));
});

// Only root can mount a file system of a given size.
const NOT_ROOT = process.getuid?.() === 0 ? '' : ' (skipped: only root can mount a small disk)';

describe.skipIf(NOT_ROOT)(`fault 10: the disk under Redis is full${NOT_ROOT}`, () => {
  it('refuses with 503, and recovers once there is space', async () => {
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
