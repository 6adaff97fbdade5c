import { describe, expect, it } from 'vitest';
import { waitUntil } from '../support/wait-until';
import { countJobs, expectOneQuery, submitUntilKilled, withDoomedApi } from './harness/doomed-api';
import { WHOLE_RANGE } from './harness/on-stage';

/** In what queues a query. */
const JOB = 'count-distinct';

describe('fault 14: submissions of one key at three APIs, one of which is killed', () => {
  it('200 of them, some under way at the killed one: they are one query', () =>
    withDoomedApi(async (stage, scene) => {
      const plan = { range: WHOLE_RANGE, key: 'one', callers: 20, turns: 10, killAfter: 30 };
      const calls = await submitUntilKilled(stage, scene, plan);
      const accepted = calls.filter(({ answer }) => answer?.status === 202);
      expect(accepted.length).toBeGreaterThan(100);
      await expectOneQuery(stage, calls);
      // Another caller's query under the same key is another one.
      const other = await stage.callers[1].submit(WHOLE_RANGE, 'one');
      expect(other.answer?.document?.id).not.toBe(accepted[0]?.answer?.document?.id);
    }));

  it.each([
    ['as it is about to queue it', 0],
    ['as it has queued it', 1],
  ])('the first of them half-way, %s: whoever tries again has the same query', (_name, jobs) =>
    withDoomedApi(async (stage, { doomed, line, clients: [first, second, third] }) => {
      line.onSent(JOB, () => void stage.end(doomed, 'SIGKILL'));
      // What is held when its sender dies never arrives.
      if (jobs === 0) line.holdFrom(JOB);
      expect((await third.submit(WHOLE_RANGE, 'one')).answer).toBeUndefined();
      await waitUntil(
        'what it has left',
        () => countJobs(stage.redis.client),
        (count) => count === jobs,
      );
      const calls = await Promise.all([first, second, first, second].map((one) => one.submit(WHOLE_RANGE, 'one')));
      expect(calls.map(({ answer }) => answer?.status)).toEqual([202, 202, 202, 202]);
      await expectOneQuery(stage, calls);
    }),
  );

  it('the first of them late on its way to Redis, so that another is before it: it is told of that one', () =>
    withDoomedApi(async (stage, { line, clients: [first, , third] }) => {
      const sent = new Promise<void>((resolve) => line.onSent(JOB, resolve));
      line.holdFrom(JOB);
      const late = third.submit(WHOLE_RANGE, 'one');
      await sent;
      const early = await first.submit(WHOLE_RANGE, 'one');
      line.setMode('pass');
      const calls = [early, await late];
      expect(calls.map(({ answer }) => answer?.status)).toEqual([202, 202]);
      await expectOneQuery(stage, calls);
    }));
});
