import { expect, it } from 'vitest';
import { onStage, WHOLE_RANGE } from '../harness/on-stage';
import { profile } from '../harness/profile';

const ONE_DAY = { start: '2021-10-03', end: '2021-10-03' };

it('several faults in one query: its worker is killed, its Redis is killed, and paused, and full; it is exact', () =>
  onStage({ redis: { appendfsync: 'always' } }, async (stage) => {
    const [caller, other] = stage.callers;
    const id = await caller.submitUntilAccepted(WHOLE_RANGE, 'one');
    await stage.waitForPages(8);
    await stage.end(stage.workers[0]!, 'SIGKILL');
    await stage.addWorker();
    await stage.waitForPages(20);
    await stage.blind(async () => {
      await stage.redis.kill();
      await other.submit(ONE_DAY);
      await stage.redis.start();
    });
    expect(await caller.submitUntilAccepted(WHOLE_RANGE, 'one')).toBe(id);
    await stage.waitForPages(35);
    await stage.blind(async () => {
      await stage.redis.client.call('CLIENT', 'PAUSE', profile.lockSeconds * 1_500, 'ALL');
      await stage.redis.client.config('SET', 'maxmemory', 1);
      expect((await other.submit(ONE_DAY)).answer?.status).toBe(503);
      await stage.redis.client.config('SET', 'maxmemory', 0);
    });
    const others = await other.submitUntilAccepted(ONE_DAY);
    await caller.read(others);
    expect((await stage.waitForEnd(id)).status).toBe('Completed');
    expect((await stage.waitForEnd(others)).status).toBe('Completed');
  }));

it('one key at three APIs, one of which is killed, while the line to Redis breaks: one query', () =>
  onStage({ apis: 3 }, async (stage) => {
    const [caller] = stage.callers;
    const submissions = Array.from({ length: 60 }, (_, i) => {
      if (i === 20) void stage.end(stage.apis[1]!, 'SIGKILL');
      if (i === 40) stage.lines.api.setMode('reset');
      return caller.submit(ONE_DAY, 'one');
    });
    const ids = (await Promise.all(submissions)).map(({ answer }) => answer?.document?.id);
    const id = await caller.submitUntilAccepted(ONE_DAY, 'one');
    expect(new Set(ids.filter((one) => one !== undefined && one !== id)).size).toBe(0);
    const { answer } = await caller.terminate(id);
    expect(['Terminated', 'Completed']).toContain(answer?.document?.status);
  }));
