import { describe, expect, it } from 'vitest';
import { generateDays } from '../support/table-double/generated-table';
import { waitUntil } from '../support/wait-until';
import { onStage } from './harness/on-stage';
import { profile } from './harness/profile';
import { REFUSALS } from './harness/redis-refusals';
import type { Stage } from './harness/stage';

const ONE_DAY = { start: '2021-10-03', end: '2021-10-03' };
const rows = {
  partitions: generateDays(ONE_DAY.start, 1, 60_000),
  distinctIdentifiers: 50_000,
  withoutIdentifier: 0.01,
};

/** 400 pages; a scan stores a checkpoint after each 50. */
const FAULTS = [{ fault: { kind: 'latency', ms: 10 } }, { fault: { kind: 'short-page', rows: 150 } }] as const;
const PAGES_PER_CHECKPOINT = 50;

/** A lock is renewed at half of its duration, so that no lock expires during a shorter refusal. */
const env = { LOCK_SECONDS: '10' };

/** @returns The start of the scan that stored the checkpoint of the day. */
async function waitForCheckpoint({ redis }: Stage, isWanted: (scannedAt: number) => boolean): Promise<number> {
  const read = async () => {
    const keys = await redis.client.keys('{audit-query}:checkpoint:*');
    const [key] = keys.filter((name) => !name.endsWith(':identifiers'));
    const text = key === undefined ? null : await redis.client.get(key);
    return text === null ? 0 : (JSON.parse(text) as { position: { scannedAt: number } }).position.scannedAt;
  };
  const isThere = (scannedAt: number) => scannedAt > 0 && isWanted(scannedAt);
  return waitUntil('a checkpoint', read, isThere, profile.settleMs);
}

describe('fault 26: Redis refuses writes between two checkpoints of two scans of a day', () => {
  it.each(Object.entries(REFUSALS))(
    '%s: refuses with 503, and both queries are exact after a resumption',
    (_code, refuse) =>
      onStage({ rows, env }, async (stage) => {
        const [caller] = stage.callers;
        await stage.double.configure({ faults: FAULTS });
        const ids = [await caller.submitUntilAccepted(ONE_DAY)];
        await stage.waitForPages(5);
        // Its maxAgeSeconds does not allow it to share the first scan.
        ids.push(await caller.submitUntilAccepted(ONE_DAY));
        const first = await waitForCheckpoint(stage, () => true);
        let last = await waitForCheckpoint(stage, (scannedAt) => scannedAt !== first);
        await stage.blind(async () => {
          const { mend } = await refuse(stage.redis);
          expect((await caller.submit(ONE_DAY)).answer?.status).toBe(503);
          // Until both scans have tried to store another checkpoint, and one has found that of the other.
          await stage.waitForPages((await stage.pagesServed()) + 2 * (PAGES_PER_CHECKPOINT + 5));
          last = await waitForCheckpoint(stage, () => true);
          await mend();
        });
        // Its query resumes from the checkpoint that it stores now.
        await waitForCheckpoint(stage, (scannedAt) => scannedAt !== last);
        await stage.end(stage.workers[0]!, 'SIGKILL');
        await stage.addWorker();
        for (const id of ids) expect((await stage.waitForEnd(id)).status).toBe('Completed');
      }),
  );
});
