import { setTimeout as delay } from 'node:timers/promises';
import type { Stage } from '../harness/stage';
import { listAccepted, now, type QueryRange } from '../harness/history';
import type { RecordingClient } from '../harness/recording-client';
import type { Random } from './random';

/**
 * Submits, reads, reads queries of the other caller, terminates and lists until `isOver` returns true.
 *
 * @param ownDay A day of this loop alone, which takes seconds to read: after the termination of its query no other query
 *   needs its pages.
 */
export async function keepCalling(stage: Stage, random: Random, ownDay: string, isOver: () => boolean): Promise<void> {
  const keys: string[] = [];
  while (!isOver()) {
    const [caller, other] =
      random.fraction() < 0.5 ? stage.callers : ([...stage.callers].reverse() as typeof stage.callers);
    const draw = random.fraction();
    const id = pickRecent(stage, caller.caller, random);
    if (draw < 0.25 || id === undefined) {
      const [first, last] = [random.whole(1, 20), random.whole(1, 20)].sort((a, b) => a - b) as [number, number];
      const toDay = (day: number) => `2021-10-${String(day).padStart(2, '0')}`;
      const isAgain = keys.length > 0 && random.fraction() < 0.3;
      const key = isAgain ? random.pick(keys) : `${toDay(first)} ${toDay(last)} ${keys.length}`;
      if (!isAgain) keys.push(key);
      const [start = '', end = ''] = key.split(' ');
      await caller.submit({ start, end }, random.fraction() < 0.7 ? key : undefined);
    } else if (draw < 0.28) await caller.terminate(id);
    else if (draw < 0.29) await terminateInScan(caller, { start: ownDay, end: ownDay }, random);
    else if (draw < 0.33) await other.read(id);
    else if (draw < 0.38) await caller.list();
    else if (draw < 0.5) await caller.result(id);
    else await caller.read(id);
    await delay(random.whole(20, 200));
  }
}

async function terminateInScan(caller: RecordingClient, range: QueryRange, random: Random): Promise<void> {
  const { answer } = await caller.submit(range);
  if (answer?.document === undefined) return;
  await delay(random.whole(200, 1_500));
  await caller.terminate(answer.document.id);
}

/** A query that was accepted in the last half minute, so that most calls are about running queries. */
function pickRecent(stage: Stage, caller: string, random: Random): string | undefined {
  const isRecent = (endedAt: number) => endedAt > now() - 30_000;
  const recent = [...listAccepted(stage.history)].filter(
    ([, call]) => call.caller === caller && isRecent(call.endedAt),
  );
  return recent.length === 0 ? undefined : random.pick(recent)[0];
}
