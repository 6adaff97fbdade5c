import { expect, it } from 'vitest';
import { expectOneQuery, submitUntilKilled, withDoomedApi } from '../harness/doomed-api';
import { onStage, WHOLE_RANGE } from '../harness/on-stage';
import { profile } from '../harness/profile';

const ONE_DAY = { start: '2021-10-03', end: '2021-10-03' };

it('several faults during one query: its worker is killed, Redis is killed, pauses and is full; the count is exact', () =>
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

it('one key at three APIs, one of which is killed, while the connections of the others to Redis break: one query', () =>
  withDoomedApi(async (stage, scene) => {
    const breakConnections = (count: number) => {
      if (count === 30) stage.proxies.api.setMode('reset');
    };
    const plan = { range: ONE_DAY, key: 'one', callers: 12, turns: 5, killAfter: 15, onAnswer: breakConnections };
    const calls = await submitUntilKilled(stage, scene, plan);
    const id = await stage.callers[0].submitUntilAccepted(ONE_DAY, 'one');
    await expectOneQuery(stage, calls);
    const { answer } = await stage.callers[0].terminate(id);
    expect(['Terminated', 'Completed']).toContain(answer?.document?.status);
  }));
