import { expect, it } from 'vitest';
import { waitUntil } from '../../support/wait-until';
import { onStage, WHOLE_RANGE } from '../harness/on-stage';
import type { Stage } from '../harness/stage';

/** Something goes wrong behind the back of a stage that is good in all else. */
async function judge(misdeed: (stage: Stage) => Promise<void>): Promise<string> {
  return onStage({}, misdeed).then(
    () => 'nothing was found',
    (error: Error) => error.message,
  );
}

it('I9 refuses a process that nobody told to go, with its last words', async () => {
  const verdict = await judge(async (stage) => {
    const id = await stage.callers[0].submitUntilAccepted(WHOLE_RANGE);
    const lost = await stage.addWorker();
    lost.child.kill('SIGABRT');
    await waitUntil(
      'its end',
      () => stage.isGone(lost),
      (isGone) => isGone,
    );
    await stage.waitForEnd(id);
  });
  expect(verdict).toMatch(/^I9: the worker ended by itself with SIGABRT; its last words:\n.*Worker started/s);
});
