import { waitUntil } from '../../support/wait-until';
import type { QueryRange } from './history';
import type { Stage } from './stage';

export interface UnforeseenFailure {
  id: string;
  /** Lets the next attempt succeed. */
  mend: () => Promise<unknown>;
}

/** Has the first run of a query of one day fail for a reason that no code is for: a record that is something else. */
export async function failUnforeseen(stage: Stage, day: QueryRange): Promise<UnforeseenFailure> {
  const { client } = stage.redis;
  await stage.waitForEnd(await stage.callers[0].submitUntilAccepted(day));
  const [daySet = ''] = await client.keys(`{audit-query}:day:*:${day.start}`);
  await client.del(daySet);
  await client.lpush(daySet, 'no day');
  const id = await stage.callers[0].submitUntilAccepted(day);
  const [worker] = stage.workers;
  await waitUntil(
    'its run to have failed',
    () => worker!.output(),
    (output) => output.includes('a run failed'),
  );
  return { id, mend: () => client.del(daySet) };
}
