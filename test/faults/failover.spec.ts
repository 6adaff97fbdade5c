import { describe, expect, it } from 'vitest';
import { RedisCluster } from '../support/redis-servers/redis-cluster';
import { readEvents } from '../support/read-events';
import { breakReplication, type ReplicatedRedis } from '../support/redis-servers/replicated-redis';
import { WatchedRedis } from '../support/redis-servers/watched-redis';
import { waitUntilReady } from '../support/service-processes';
import { waitUntil } from '../support/wait-until';
import { type Call, listAccepted, now } from './harness/history';
import { onStageOf, WHOLE_RANGE } from './harness/on-stage';
import type { Stage } from './harness/stage';

const ONE_DAY = { start: '2021-10-03', end: '2021-10-03' };

/** Sentinels and cluster replace a server after so long without an answer. */
const DOWN_AFTER_MS = 1_000;

/**
 * Limits from the failure until queries are accepted again. Killed: detection, one or two votes and reconnects take 2 to
 * 5 s. Silent: a second more, until the connections time out. The rest is for a busy machine.
 */
const BACK_WITHIN_MS = DOWN_AFTER_MS + 6_000;
const BACK_FROM_SILENCE_WITHIN_MS = BACK_WITHIN_MS + 1_000;

/** The primary acknowledges a write and sends it to the replica in the same turn of its event loop. */
const UNREPLICATED_MS = 250;

const REFUSE_ALONE = ['--min-replicas-to-write', '1', '--min-replicas-max-lag', '2'];

type Start = (args?: readonly string[]) => Promise<ReplicatedRedis>;

const TOPOLOGIES: [name: string, start: Start][] = [
  ['two servers and three sentinels', (args = []) => WatchedRedis.start({ downAfterMs: DOWN_AFTER_MS, args })],
  [
    'a cluster of three primaries with a replica each',
    (args = []) => RedisCluster.start({ hasReplicas: true, nodeTimeoutMs: DOWN_AFTER_MS, args }),
  ],
];

/** Both callers submit, `count` submissions at a time, each under a new key. @returns A function that stops them. */
function submitAllTheTime(stage: Stage<ReplicatedRedis>, count: number): () => Promise<void> {
  let isStopped = false;
  const submitting = Array.from({ length: count }, async (_, i) => {
    for (let turn = 1; !isStopped; turn += 1) await stage.callers[i % 2]!.submit(ONE_DAY, `${i}-${turn}`);
  });
  return async () => {
    isStopped = true;
    await Promise.all(submitting);
  };
}

function clientOf(stage: Stage<ReplicatedRedis>, { caller }: Call) {
  return stage.callers.find((client) => client.caller === caller) ?? stage.callers[0];
}

/** Reads the events of a query to the end. @returns The kind of the last one. */
async function readLastEvent({ apis, callers }: Stage<ReplicatedRedis>, id: string): Promise<string | undefined> {
  const headers = { 'x-api-key': callers[0].key };
  let last: string | undefined;
  for await (const { event } of readEvents(await fetch(`${apis[0]!.url}/api/queries/${id}/events`, { headers }))) {
    last = event;
  }
  return last;
}

/** The accepted queries that are now unknown. */
async function findLost(stage: Stage<ReplicatedRedis>): Promise<[id: string, call: Call][]> {
  const accepted = [...listAccepted(stage.history)];
  const reads = await Promise.all(accepted.map(([id, call]) => clientOf(stage, call).read(id)));
  return accepted.filter((_, i) => reads[i]?.answer?.status === 404);
}

/** How long after the kill submissions were refused. */
function measureRefusal({ history }: Stage<ReplicatedRedis>, killedAt: number) {
  const after = history.calls.filter(({ kind, startedAt }) => kind === 'submit' && startedAt > killedAt);
  const acceptedAt = Math.min(...after.filter(({ answer }) => answer?.status === 202).map(({ endedAt }) => endedAt));
  const refused = after.filter(({ answer }) => answer?.status === 503).length;
  return { backMs: Math.round(acceptedAt - killedAt), refused };
}

describe.each(TOPOLOGIES)('fault 22: the primary is killed, of %s', (name, start) => {
  it('under 20 submitters: recovers, outcomes stay, and a lost query can be submitted again', async () =>
    onStageOf(await start(), { workers: 2, check: { mayBeLost: true } }, async (stage) => {
      const [caller] = stage.callers;
      const early = await caller.submitUntilAccepted(ONE_DAY, 'early');
      const ended = await stage.waitForEnd(early);
      const long = await caller.submitUntilAccepted(WHOLE_RANGE, 'long');
      const lastEvent = readLastEvent(stage, long);
      const stop = submitAllTheTime(stage, 20);
      await waitUntil(
        'many accepted queries',
        () => listAccepted(stage.history).size,
        (count) => count >= 200,
      );
      let killedAt = 0;
      await stage.blind(async () => {
        await stage.redis.primary.kill();
        killedAt = now();
        await stage.redis.waitForFailover();
        await Promise.all([...stage.apis, ...stage.workers].map(waitUntilReady));
      });
      const isBack = ({ kind, answer, startedAt }: Call) =>
        kind === 'submit' && answer?.status === 202 && startedAt > killedAt;
      await waitUntil(
        'queries to be accepted again',
        () => stage.history.calls.filter(isBack).length,
        (count) => count >= 100,
      );
      await stop();
      const { backMs, refused } = measureRefusal(stage, killedAt);
      const lost = await findLost(stage);
      const count = listAccepted(stage.history).size;
      console.log(`${name}: back after ${backMs} ms and ${refused} refusals; ${lost.length} of ${count} lost`);
      expect(backMs).toBeLessThan(BACK_WITHIN_MS);
      for (const [id, call] of lost) {
        expect(call.endedAt).toBeGreaterThan(killedAt - UNREPLICATED_MS);
        expect(await clientOf(stage, call).submitUntilAccepted(ONE_DAY, call.key)).toBe(id);
      }
      expect(await stage.waitForEnd(early)).toEqual(ended);
      expect((await stage.waitForEnd(long)).status).toBe('Completed');
      expect(await lastEvent).toBe('end');
    }));

  it('or is silent with open connections: the same', async () =>
    onStageOf(await start(), { check: { mayBeLost: true } }, async (stage) => {
      const [caller] = stage.callers;
      const long = await caller.submitUntilAccepted(WHOLE_RANGE, 'long');
      await stage.waitForPages(5);
      const silent = stage.redis.primary;
      await stage.blind(async () => {
        silent.signal('SIGSTOP');
        const silentSince = now();
        await stage.redis.waitForFailover();
        await caller.submitUntilAccepted(ONE_DAY, 'later');
        const backMs = Math.round(now() - silentSince);
        console.log(`${name}, silent: back after ${backMs} ms`);
        expect(backMs).toBeLessThan(BACK_FROM_SILENCE_WITHIN_MS);
        await Promise.all([...stage.apis, ...stage.workers].map(waitUntilReady));
        silent.signal('SIGCONT');
      });
      expect((await stage.waitForEnd(long)).status).toBe('Completed');
    }));

  it('after its replica was cut off: later queries are 404, and their keys are free', async () =>
    onStageOf(await start(), { workers: 0, check: { mayBeLost: true } }, async (stage) => {
      const [caller] = stage.callers;
      const kept = await caller.submitUntilAccepted(ONE_DAY, 'kept');
      await stage.redis.client.wait(1, 5_000);
      await breakReplication(stage.redis);
      const lost = await caller.submitUntilAccepted(ONE_DAY, 'lost');
      await stage.redis.primary.kill();
      await stage.redis.waitForFailover();
      await waitUntilReady(stage.apis[0]!);
      expect((await caller.read(kept)).answer?.status).toBe(200);
      expect((await caller.read(lost)).answer?.status).toBe(404);
      expect(await caller.submitUntilAccepted(ONE_DAY, 'lost')).toBe(lost);
      await stage.addWorker();
      for (const id of [kept, lost]) expect((await stage.waitForEnd(id)).status).toBe('Completed');
    }));

  it('with min-replicas-to-write: a query that would be lost is refused', async () =>
    onStageOf(await start(REFUSE_ALONE), {}, async (stage) => {
      const [caller] = stage.callers;
      const kept = await caller.submitUntilAccepted(ONE_DAY, 'kept');
      await stage.redis.client.wait(1, 5_000);
      const before = stage.redis.primary;
      await stage.blind(async () => {
        await breakReplication(stage.redis);
        expect((await caller.submit(ONE_DAY, 'refused')).answer?.status).toBe(503);
        await before.kill();
        await stage.redis.waitForFailover();
        // The new primary has no replica either, and refuses writes.
        expect((await caller.submit(ONE_DAY, 'refused')).answer?.status).toBe(503);
        await before.start();
      });
      const later = await caller.submitUntilAccepted(ONE_DAY, 'refused');
      for (const id of [kept, later]) expect((await stage.waitForEnd(id)).status).toBe('Completed');
    }));
});
