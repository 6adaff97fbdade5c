import { describe, expect, it } from 'vitest';
import { QUERY_JOB } from '#shared/contract/query-job';
import { waitUntilReady } from '../support/service-processes';
import { waitUntil } from '../support/wait-until';
import { now } from './harness/history';
import { onStage, WHOLE_RANGE } from './harness/on-stage';
import type { Stage } from './harness/stage';

const ONE_DAY = { start: '2021-10-03', end: '2021-10-03' };
const OTHER_DAY = { start: '2021-10-07', end: '2021-10-07' };

/** The service closes a silent connection after 30 s; the rest is for the reconnect. */
const SILENCE_NOTICED_WITHIN_MS = 30_000 + 5_000;

/** At least so many replies must be cut. */
const MANY_CUTS = 10;

/** Queries, as one list page returns them. */
const LISTED = 60;

/** The token of the query's lock, which is that of its run. */
function readHolder({ redis }: Stage, id: string): Promise<string | null> {
  return redis.client.get(`{audit-query}:queries:${id}:lock`);
}

async function listJobs({ redis }: Stage): Promise<string[]> {
  const keys = await redis.client.keys('{audit-query}:queries:*');
  return keys.flatMap((key) => /:([0-9a-f]{32})$/.exec(key)?.[1] ?? []);
}

const MODES = ['reset', 'refuse', 'silent', 'requests-lost', 'replies-lost'] as const;

describe('fault 8: the connection to Redis breaks', () => {
  it.each(MODES)('of the API (%s): 503, or the same query for a second submission', (mode) =>
    onStage({}, async (stage) => {
      const [caller] = stage.callers;
      for (let time = 1; time <= 3; time += 1) {
        const submissions = [1, 2, 3].map((n) => caller.submit(ONE_DAY, `${mode}-${time}-${n}`));
        stage.proxies.api.setMode(mode);
        await Promise.all(submissions);
        await caller.submit(ONE_DAY);
        stage.proxies.api.setMode('pass');
        for (const n of [1, 2, 3]) await caller.submitUntilAccepted(ONE_DAY, `${mode}-${time}-${n}`);
      }
    }),
  );

  it.each(MODES)('of the API while it adds a job (%s): 503, and one query under the key, run once', (mode) =>
    onStage({}, async (stage) => {
      const { client } = stage.redis;
      const [caller] = stage.callers;
      // Loads the script that adds a job into Redis.
      await stage.waitForEnd(await caller.submitUntilAccepted(ONE_DAY));
      const before = await listJobs(stage);
      let isCut = false;
      stage.proxies.api.onSent(QUERY_JOB, () => {
        if (!isCut) stage.proxies.api.setMode(mode);
        isCut = true;
      });
      expect((await caller.submit(OTHER_DAY, 'one')).answer?.status).toBe(503);
      expect(isCut).toBe(true);
      const queued = (await listJobs(stage)).filter((id) => !before.includes(id));
      expect(queued.length).toBe(mode === 'replies-lost' ? 1 : 0);
      const readTime = (job: string) => client.hget(`{audit-query}:queries:${job}`, 'timestamp');
      const times = await Promise.all(queued.map(readTime));
      stage.proxies.api.setMode('pass');
      const id = await caller.submitUntilAccepted(OTHER_DAY, 'one');
      const { createdAt } = await stage.waitForEnd(id);
      expect((await listJobs(stage)).filter((job) => !before.includes(job))).toEqual([id]);
      expect([await readTime(id), ...times].filter((time) => time !== String(Date.parse(createdAt)))).toEqual([]);
      const pages = (await stage.double.requests()).filter(({ day }) => day === OTHER_DAY.start);
      expect(pages.length).toBe(3);
    }),
  );

  it.each(MODES)('of a worker (%s): the worker reconnects, and a run without its lock stops', (mode) =>
    onStage({}, async (stage) => {
      await stage.double.configure({ faults: [{ fault: { kind: 'latency', ms: 150 } }] });
      const [cut] = stage.workers;
      const id = await stage.callers[0].submitUntilAccepted(WHOLE_RANGE);
      await stage.waitForPages(5);
      const holder = await readHolder(stage, id);
      await stage.blind(async () => {
        stage.proxies.worker.setMode(mode);
        // Connects past the proxy, and takes the query over if the first worker is silent for too long.
        const url = `redis://127.0.0.1:${stage.redis.port}`;
        if (mode !== 'reset') await waitUntilReady(await stage.addWorker({ REDIS_URL: url }));
        await stage.waitForPages(20);
        if (mode !== 'reset') {
          await waitUntil(
            'another run to hold the lock',
            () => readHolder(stage, id),
            (other) => other !== null && other !== holder,
          );
        }
        stage.proxies.worker.setMode('pass');
        await waitUntilReady(cut!);
        if (mode === 'reset') return;
        await waitUntil(
          'the run without its lock to stop',
          () => cut!.output(),
          (output) => output.includes('LOCK_LOST'),
        );
      });
      expect((await stage.waitForEnd(id)).status).toBe('Completed');
    }),
  );

  it('forgotten by a router that forwards new connections: API and worker reconnect', () =>
    onStage({}, async (stage) => {
      const { client } = stage.redis;
      const [caller] = stage.callers;
      const countSubscribers = async () => Number((await client.pubsub('NUMSUB', '{audit-query}:changes'))[1]);
      const subscribers = await countSubscribers();
      const id = await caller.submitUntilAccepted(WHOLE_RANGE);
      await stage.waitForPages(5);
      await stage.blind(async () => {
        for (const proxy of [stage.proxies.api, stage.proxies.worker]) proxy.setMode('forget');
        const forgottenAt = now();
        expect((await caller.read(id)).answer?.status).toBe(503);
        const { answer } = await waitUntil(
          'an accepted submission',
          () => caller.submit(ONE_DAY),
          (call) => call.answer?.status === 202,
          SILENCE_NOTICED_WITHIN_MS,
        );
        await waitUntilReady(stage.workers[0]!);
        expect(now() - forgottenAt).toBeLessThan(SILENCE_NOTICED_WITHIN_MS);
        for (const one of [id, answer!.document!.id]) {
          expect((await stage.waitForEnd(one)).status).toBe('Completed');
        }
        // Redis keeps its side of the forgotten connections open.
        await waitUntil(
          'the API to receive changes again',
          countSubscribers,
          (count) => count > subscribers,
          SILENCE_NOTICED_WITHIN_MS,
        );
      });
    }));

  it('slow, with latency: every query completes', () =>
    onStage({}, async (stage) => {
      for (const proxy of [stage.proxies.api, stage.proxies.worker]) {
        proxy.setQuality({ latencyMs: 40, bytesPerSecond: 100_000 });
        proxy.setMode('reset');
      }
      const id = await stage.callers[0].submitUntilAccepted(WHOLE_RANGE);
      expect((await stage.waitForEnd(id)).status).toBe('Completed');
    }));

  it('in the middle of replies to a worker, again and again: no run fails', () =>
    onStage({}, async (stage) => {
      const [caller] = stage.callers;
      await stage.waitForEnd(await caller.submitUntilAccepted(WHOLE_RANGE));
      const proxy = stage.proxies.worker;
      // More than the largest reply, the heads of all days: no reconnect helps if that reply is always cut.
      proxy.setQuality({ cutAfterBytes: 100_000 });
      proxy.setMode('reset');
      const reused = { ...WHOLE_RANGE, maxAgeSeconds: 3_600 };
      const ids = await Promise.all([1, 2, 3].map(() => caller.submitUntilAccepted(reused)));
      for (const id of ids) {
        expect(await stage.waitForEnd(id)).toMatchObject({ status: 'Completed', result: { daysScanned: 0 } });
      }
      console.log(`${proxy.cuts} replies to a worker were cut`);
      expect(proxy.cuts).toBeGreaterThan(MANY_CUTS);
      expect(stage.workers[0]!.output()).not.toContain('a run failed');
    }));

  it('in the middle of replies to the API, again and again: 503, or the same query under its key', () =>
    onStage({ workers: 0 }, async (stage) => {
      const [caller] = stage.callers;
      for (let i = 0; i < LISTED; i += 1) await caller.submitUntilAccepted(ONE_DAY);
      const proxy = stage.proxies.api;
      // More than the largest reply, a whole list.
      proxy.setQuality({ cutAfterBytes: 60_000 });
      proxy.setMode('reset');
      const keys: string[] = [];
      const lists: (number | undefined)[] = [];
      while (proxy.cuts <= MANY_CUTS) {
        const key = `cut-${keys.length}`;
        keys.push(key);
        const [list] = await Promise.all([caller.list(), caller.submit(OTHER_DAY, key)]);
        lists.push(list.answer?.status);
      }
      expect(new Set(lists)).toEqual(new Set([200, 503]));
      for (const key of keys) await caller.submitUntilAccepted(OTHER_DAY, key);
      proxy.setQuality({});
      proxy.setMode('reset');
      await stage.addWorker();
    }));
});
