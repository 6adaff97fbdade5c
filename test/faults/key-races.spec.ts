import { describe, expect, it } from 'vitest';
import { waitUntil } from '../support/wait-until';
import { findLeftovers } from './checker/find-leftovers';
import { type History, isOver } from './harness/history';
import { onStage } from './harness/on-stage';
import { profile } from './harness/profile';
import { RecordingClient } from './harness/recording-client';
import type { Stage } from './harness/stage';

const ONE_DAY = { start: '2021-10-03', end: '2021-10-03' };
const KEYS = 400;
/** Keys that are raced concurrently. */
const SIDE_BY_SIDE = 8;
const MOST_SUBMISSIONS = 12;
/** One above the number of keys, so that no submission of the race exceeds the limit. */
const QUOTA = KEYS + 1;
const PREFIX = '{audit-query}';

/** Yields to the event loop a random number of times: spreads requests over some milliseconds. */
async function waitRandomTurns(most: number): Promise<void> {
  for (let turns = Math.random() * most; turns > 0; turns -= 1) await new Promise(setImmediate);
}

/** Submits one key up to twelve times, and terminates its query once, after the first acceptance. */
async function raceKey({ callers: [client] }: Stage, key: string): Promise<void> {
  const submissions = Array.from({ length: 1 + Math.floor(Math.random() * MOST_SUBMISSIONS) }, async () => {
    await waitRandomTurns(200);
    return client.submitUntilAccepted(ONE_DAY, key);
  });
  const termination = Promise.any(submissions).then(async (id) => {
    await waitRandomTurns(50);
    while ((await client.terminate(id)).answer?.status === 503);
  });
  await Promise.all([...submissions, termination]);
}

async function raceKeys(stage: Stage): Promise<void> {
  const keys = Array.from({ length: KEYS }, (_, i) => `key-${i}`).values();
  const race = async () => {
    for (const key of keys) await raceKey(stage, key);
  };
  await Promise.all(Array.from({ length: SIDE_BY_SIDE }, race));
}

/** Creation times by the id of the query: more than one time is more than one query. */
function listCreations({ calls }: History): Map<string, Set<string>> {
  const creations = new Map<string, Set<string>>();
  for (const { id, createdAt } of calls.flatMap(({ answer }) => answer?.document ?? [])) {
    creations.set(id, (creations.get(id) ?? new Set()).add(createdAt));
  }
  return creations;
}

/** Queued jobs whose query has an outcome. */
async function listJobsOfEnded({ redis: { client } }: Stage): Promise<string[]> {
  const lists = await Promise.all(['wait', 'active'].map((list) => client.lrange(`${PREFIX}:queries:${list}`, 0, -1)));
  const ids = lists.flat();
  const outcomes = await Promise.all(ids.map((id) => client.exists(`${PREFIX}:outcome:${id}`)));
  return ids.filter((_, i) => outcomes[i] === 1);
}

describe('fault 27: a key is submitted several times while its query is terminated', () => {
  it.each([
    ['without a worker', 0],
    ['while a worker takes queries', 1],
  ])('%s: each key is one query, and nothing of it stays on the queue or counts as live', (_name, workers) =>
    onStage({ apis: 2, workers, env: { LIVE_QUERIES_PER_CALLER: String(QUOTA) } }, async (stage) => {
      await raceKeys(stage);
      const creations = listCreations(stage.history);
      expect(creations.size).toBe(KEYS);
      expect([...creations].filter(([, times]) => times.size > 1)).toEqual([]);
      for (const id of creations.keys()) await stage.waitFor(id, `the end of ${id}`, isOver);
      // A worker finishes the jobs of its runs a moment later.
      await waitUntil(
        'no job of an ended query',
        () => listJobsOfEnded(stage),
        (ids) => ids.length === 0,
        workers === 0 ? 0 : profile.settleMs,
      );
      const leftovers = await findLeftovers(stage.redis.client, PREFIX);
      expect(leftovers.filter((one) => !one.includes('lock'))).toEqual([]);
      await Promise.all(stage.workers.map((worker) => stage.end(worker)));
      // The whole quota is free, and no more. The rules do not apply to these calls, since the last one gets 429.
      const [{ caller, key }] = stage.callers;
      let turn = 0;
      const nextUrl = () => stage.apis[(turn += 1) % stage.apis.length]!.url;
      const unjudged = new RecordingClient(caller, key, { ...stage.history, calls: [] }, nextUrl);
      const ids: string[] = [];
      for (let i = 0; i < QUOTA; i += 1) ids.push(await unjudged.submitUntilAccepted(ONE_DAY, `later-${i}`));
      expect((await unjudged.submit(ONE_DAY, 'one more')).answer?.status).toBe(429);
      for (const id of ids) while ((await unjudged.terminate(id)).answer?.status !== 202);
      await stage.addWorker();
    }),
  );
});
