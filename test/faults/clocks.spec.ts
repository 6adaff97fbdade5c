import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { waitUntil } from '../support/wait-until';
import { now } from './harness/history';
import { onStage, WHOLE_RANGE } from './harness/on-stage';
import { profile } from './harness/profile';

const LIBRARY = '/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1';
const ONE_DAY = { start: '2021-10-03', end: '2021-10-03' };

/** Another time of day, while what is measured passes as it does. */
function skewed(offset: string): Record<string, string> {
  return { LD_PRELOAD: LIBRARY, FAKETIME: offset, FAKETIME_DONT_FAKE_MONOTONIC: '1', DONT_FAKE_MONOTONIC: '1' };
}

const NO_FAKETIME = existsSync(LIBRARY) ? '' : ' (skipped: no libfaketime here, from the package faketime)';

describe.skipIf(NO_FAKETIME)(`fault 18: the clocks of the processes differ by hours${NO_FAKETIME}`, () => {
  it('a worker two hours ahead, one two behind, an API one ahead: no result disappears, times are of one clock', () =>
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

  it('a worker two hours ahead takes over from one that is behind: nothing is read that was stored', () =>
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
});

describe('fault 19: an event loop is blocked for ten seconds', () => {
  const BLOCK_MS = 10_000;
  const blocking = {
    NODE_OPTIONS: `--require ${join(process.cwd(), 'test/faults/harness/preload-blocking.cjs')}`,
    BLOCK_MS: String(BLOCK_MS),
  };

  it('of a worker: another one takes over, and the late one publishes nothing', () =>
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
            'the late one to notice',
            () => late.output(),
            (output) => output.includes('LOCK_LOST'),
          );
        }
        expect((await stage.waitForEnd(id)).status).toBe('Completed');
      });
    }));

  it('of an API: who called it is answered late, and rightly', () =>
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
