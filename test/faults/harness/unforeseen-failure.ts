import { waitUntil } from '../../support/wait-until';
import type { QueryRange } from './history';
import type { Stage } from './stage';

export interface UnforeseenFailure {
  id: string;
  /** Removes the cause, so that the next attempt succeeds. */
  mend: () => Promise<unknown>;
}

/** Makes the first run of a query of one day fail without a failure code: its day set has the wrong Redis type. */
export async function failUnforeseen(stage: Stage, day: QueryRange): Promise<UnforeseenFailure> {
  const { client } = stage.redis;
  await stage.waitForEnd(await stage.callers[0].submitUntilAccepted(day));
  const [daySet = ''] = await client.keys(`{audit-query}:day:*:${day.start}`);
  await client.del(daySet);
  await client.lpush(daySet, 'no day set');
  const id = await stage.callers[0].submitUntilAccepted(day);
  const [worker] = stage.workers;
  await waitUntil(
    'the run to fail',
    () => worker!.output(),
    (output) => output.includes('a run failed'),
  );
  return { id, mend: () => client.del(daySet) };
}
