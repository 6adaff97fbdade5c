import { expect, it } from 'vitest';
import { waitUntil } from '../../support/wait-until';
import { onStage, WHOLE_RANGE } from '../harness/on-stage';
import type { Stage } from '../harness/stage';

/** Runs `misdeed` without telling the stage. @returns The violations of the run. */
async function judge(misdeed: (stage: Stage) => Promise<void>): Promise<string> {
  return onStage({}, misdeed).then(
    () => 'no violation',
    (error: Error) => error.message,
  );
}

it('I9 refuses a process that ended without a signal of the stage, and shows its last output', async () => {
  const verdict = await judge(async (stage) => {
    const id = await stage.callers[0].submitUntilAccepted(WHOLE_RANGE);
    const lost = await stage.addWorker();
    lost.child.kill('SIGABRT');
    await waitUntil(
      'the worker to end',
      () => stage.isGone(lost),
      (isGone) => isGone,
    );
    await stage.waitForEnd(id);
  });
  expect(verdict).toMatch(/^I9: the worker ended without a signal, with SIGABRT; its last output:\n.*Worker started/s);
});
