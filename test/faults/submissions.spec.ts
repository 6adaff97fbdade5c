import { describe, expect, it } from 'vitest';
import { waitUntil } from '../support/wait-until';
import { countJobs, expectOneQuery, submitUntilKilled, withDoomedApi } from './harness/doomed-api';
import { WHOLE_RANGE } from './harness/on-stage';

/** In the command that adds a job. */
const JOB = 'count-distinct';

describe('fault 14: submissions of one key at three APIs, one of which is killed', () => {
  it('200 submissions, some in flight at the killed API: one query', () =>
    withDoomedApi(async (stage, scene) => {
      const plan = { range: WHOLE_RANGE, key: 'one', callers: 20, turns: 10, killAfter: 30 };
      const calls = await submitUntilKilled(stage, scene, plan);
      const accepted = calls.filter(({ answer }) => answer?.status === 202);
      expect(accepted.length).toBeGreaterThan(100);
      await expectOneQuery(stage, calls);
      // The same key of another caller is another query.
      const other = await stage.callers[1].submit(WHOLE_RANGE, 'one');
      expect(other.answer?.document?.id).not.toBe(accepted[0]?.answer?.document?.id);
    }));

  it.each([
    ['before it adds the job', 0],
    ['after it has added the job', 1],
  ])('the API of the first one is killed %s: a retry returns the same query', (_name, jobs) =>
    withDoomedApi(async (stage, { doomed, proxy, clients: [first, second, third] }) => {
      proxy.onSent(JOB, () => void stage.end(doomed, 'SIGKILL'));
      // A held command is lost with its sender.
      if (jobs === 0) proxy.holdFrom(JOB);
      expect((await third.submit(WHOLE_RANGE, 'one')).answer).toBeUndefined();
      await waitUntil(
        'the jobs of the killed API',
        () => countJobs(stage.redis.client),
        (count) => count === jobs,
      );
      const calls = await Promise.all([first, second, first, second].map((one) => one.submit(WHOLE_RANGE, 'one')));
      expect(calls.map(({ answer }) => answer?.status)).toEqual([202, 202, 202, 202]);
      await expectOneQuery(stage, calls);
    }),
  );

  it('the command of the first one arrives after that of another: both return the same query', () =>
    withDoomedApi(async (stage, { proxy, clients: [first, , third] }) => {
      const sent = new Promise<void>((resolve) => proxy.onSent(JOB, resolve));
      proxy.holdFrom(JOB);
      const late = third.submit(WHOLE_RANGE, 'one');
      await sent;
      const early = await first.submit(WHOLE_RANGE, 'one');
      proxy.setMode('pass');
      const calls = [early, await late];
      expect(calls.map(({ answer }) => answer?.status)).toEqual([202, 202]);
      await expectOneQuery(stage, calls);
    }));
});
