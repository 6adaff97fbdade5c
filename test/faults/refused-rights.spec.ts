import { describe, expect, it } from 'vitest';
import { type ServiceProcess, waitUntilReady } from '../support/service-processes';
import { waitUntil } from '../support/wait-until';
import { onStage, WHOLE_RANGE } from './harness/on-stage';
import { RIGHTS, setRights } from './harness/redis-refusals';
import type { Stage } from './harness/stage';

const ONE_DAY = { start: '2021-10-03', end: '2021-10-03' };

/** Limit for all processes and the test, with heartbeats and checkpoints; a loop without a delay sends some 20,000. */
const MOST_COMMANDS_A_SECOND = 300;

const WATCHED_MS = 2_000;

/** The number of commands that Redis received, with the refused ones. */
async function countCommands({ redis }: Stage): Promise<number> {
  const stats = await redis.client.info('commandstats');
  return [...stats.matchAll(/(?:calls|rejected_calls)=(\d+)/g)].reduce((sum, [, count]) => sum + Number(count), 0);
}

async function expectPaced(stage: Stage): Promise<void> {
  const [count, begun] = [await countCommands(stage), performance.now()];
  const seconds = () => (performance.now() - begun) / 1_000;
  await waitUntil('the time to pass', seconds, (passed) => passed * 1_000 > WATCHED_MS);
  expect(((await countCommands(stage)) - count) / seconds()).toBeLessThan(MOST_COMMANDS_A_SECOND);
}

/** Each process is live, and not ready with the code of the refusal. */
async function expectRefused(processes: readonly ServiceProcess[]): Promise<void> {
  for (const { url } of processes) {
    await waitUntil(
      `${url} to say that it is refused`,
      async () => (await fetch(`${url}/health/ready`)).text(),
      (text) => text.includes('refused: NOPERM'),
    );
    expect((await fetch(`${url}/health/live`)).status).toBe(200);
  }
}

/** Replaces a worker: the old one exits in order, the new one waits for its rights. */
async function replaceWorker(stage: Stage, worker: ServiceProcess): Promise<ServiceProcess> {
  await stage.end(worker);
  expect(worker.output()).not.toContain('within its grace period');
  return stage.addWorker();
}

/** Expects one log entry with the code and one at its end, which at the latest a probe of the platform notices. */
async function expectLogged(process: ServiceProcess): Promise<void> {
  const list = (text: string) =>
    process
      .output()
      .split('\n')
      .filter((line) => line.includes(text));
  await waitUntil(
    'the end of the refusal in the log',
    async () => {
      await fetch(`${process.url}/health/ready`);
      return list('Redis accepts commands again');
    },
    (ends) => ends.length > 0,
    60_000,
  );
  const entries = ['Redis refuses commands', 'Redis accepts commands again'].flatMap(list);
  expect(entries).toEqual([1, 2].map(() => expect.stringContaining('"code":"NOPERM"') as string));
}

describe.each(RIGHTS)('fault 24: the user of the service may not use $name', ({ name, take, give }) => {
  // A query that is accepted without INFO completes like any other.
  const refusesQueries = name !== 'INFO';

  it('while queries run: few commands, not ready, replaceable, and each query completes', () =>
    onStage({ workers: 2 }, async (stage) => {
      const [first, second] = stage.workers as [ServiceProcess, ServiceProcess];
      const submitting = [WHOLE_RANGE, WHOLE_RANGE, ONE_DAY].map((range) =>
        stage.callers[0].submitUntilAccepted(range),
      );
      const ids = await Promise.all(submitting);
      await stage.waitForPages(20);
      const left: ServiceProcess[] = [stage.apis[0]!, second];
      await stage.blind(async () => {
        await setRights(stage, take);
        await expectRefused([...left, first]);
        await expectPaced(stage);
        if (refusesQueries) expect((await stage.callers[0].submit(ONE_DAY)).answer?.status).toBe(503);
        left.push(await replaceWorker(stage, first));
        await expectRefused(left);
        await expectPaced(stage);
        await setRights(stage, give);
        await Promise.all(left.map(waitUntilReady));
      });
      for (const id of ids) expect((await stage.waitForEnd(id)).status).toBe('Completed');
      for (const process of left) await expectLogged(process);
    }));

  it('as processes start: live, not ready, few commands, and working once the rights are back', () =>
    onStage({}, async (stage) => {
      const [api, worker] = [stage.apis[0]!, stage.workers[0]!];
      await setRights(stage, take);
      const started = [await stage.addApi(), await replaceWorker(stage, worker)];
      await stage.silence(api, () => stage.end(api));
      await expectRefused(started);
      await expectPaced(stage);
      if (refusesQueries) expect((await stage.callers[0].submit(ONE_DAY)).answer?.status).toBe(503);
      await setRights(stage, give);
      await Promise.all(started.map(waitUntilReady));
      const id = await stage.callers[0].submitUntilAccepted(ONE_DAY);
      expect((await stage.waitForEnd(id)).status).toBe('Completed');
      for (const process of started) await expectLogged(process);
    }));
});
