import { describe, expect, it } from 'vitest';
import { QUERY_JOB } from '#shared/contract/query-job';
import { waitUntilReady } from '../support/service-processes';
import { waitUntil } from '../support/wait-until';
import { now } from './harness/history';
import { onStage, WHOLE_RANGE } from './harness/on-stage';
import type { Stage } from './harness/stage';

const ONE_DAY = { start: '2021-10-03', end: '2021-10-03' };
const OTHER_DAY = { start: '2021-10-07', end: '2021-10-07' };

/** The service's own limit of half a minute, and a reconnection. */
const SILENCE_NOTICED_WITHIN_MS = 30_000 + 5_000;

/** So often at least a line breaks in the middle of a reply. */
const MANY_CUTS = 10;

/** Queries on one page. */
const LISTED = 60;

/** Who runs a query: the token of its lock. */
function readHolder({ redis }: Stage, id: string): Promise<string | null> {
  return redis.client.get(`{audit-query}:queries:${id}:lock`);
}

async function listJobs({ redis }: Stage): Promise<string[]> {
  const keys = await redis.client.keys('{audit-query}:queries:*');
  return keys.flatMap((key) => /:([0-9a-f]{32})$/.exec(key)?.[1] ?? []);
}

const MODES = ['reset', 'refuse', 'silent', 'requests-lost', 'replies-lost'] as const;

describe('fault 8: the line to Redis is broken', () => {
  it.each(MODES)('for the API (%s): 503, or the same query when it is submitted again', (mode) =>
    onStage({}, async (stage) => {
      const [caller] = stage.callers;
      for (let time = 1; time <= 3; time += 1) {
        const submissions = [1, 2, 3].map((n) => caller.submit(ONE_DAY, `${mode}-${time}-${n}`));
        stage.lines.api.setMode(mode);
        await Promise.all(submissions);
        await caller.submit(ONE_DAY);
        stage.lines.api.setMode('pass');
        for (const n of [1, 2, 3]) await caller.submitUntilAccepted(ONE_DAY, `${mode}-${time}-${n}`);
      }
    }),
  );

  it.each(MODES)('for the API as it queues a query (%s): 503, and under its key it is one query, run once', (mode) =>
    onStage({}, async (stage) => {
      const { client } = stage.redis;
      const [caller] = stage.callers;
      // From then on Redis knows the script that queues.
      await stage.waitForEnd(await caller.submitUntilAccepted(ONE_DAY));
      const before = await listJobs(stage);
      let isCut = false;
      stage.lines.api.onSent(QUERY_JOB, () => {
        if (!isCut) stage.lines.api.setMode(mode);
        isCut = true;
      });
      expect((await caller.submit(OTHER_DAY, 'one')).answer?.status).toBe(503);
      expect(isCut).toBe(true);
      const queued = (await listJobs(stage)).filter((id) => !before.includes(id));
      expect(queued.length).toBe(mode === 'replies-lost' ? 1 : 0);
      const readTime = (job: string) => client.hget(`{audit-query}:queries:${job}`, 'timestamp');
      const times = await Promise.all(queued.map(readTime));
      stage.lines.api.setMode('pass');
      const id = await caller.submitUntilAccepted(OTHER_DAY, 'one');
      const { createdAt } = await stage.waitForEnd(id);
      expect((await listJobs(stage)).filter((job) => !before.includes(job))).toEqual([id]);
      expect([await readTime(id), ...times].filter((time) => time !== String(Date.parse(createdAt)))).toEqual([]);
      const pages = (await stage.double.requests()).filter(({ day }) => day === OTHER_DAY.start);
      expect(pages.length).toBe(3);
    }),
  );

  it.each(MODES)('for a worker (%s): it connects again, and a run whose lock was lost stops', (mode) =>
    onStage({}, async (stage) => {
      await stage.double.configure({ faults: [{ fault: { kind: 'latency', ms: 150 } }] });
      const [cut] = stage.workers;
      const id = await stage.callers[0].submitUntilAccepted(WHOLE_RANGE);
      await stage.waitForPages(5);
      const holder = await readHolder(stage, id);
      await stage.blind(async () => {
        stage.lines.worker.setMode(mode);
        // Another one has a line of its own, and takes over where the first was silent for too long.
        const url = `redis://127.0.0.1:${stage.redis.port}`;
        if (mode !== 'reset') await waitUntilReady(await stage.addWorker({ REDIS_URL: url }));
        await stage.waitForPages(20);
        if (mode !== 'reset') {
          await waitUntil(
            'another run to hold the query',
            () => readHolder(stage, id),
            (other) => other !== null && other !== holder,
          );
        }
        stage.lines.worker.setMode('pass');
        await waitUntilReady(cut!);
        if (mode === 'reset') return;
        await waitUntil(
          'the run to stop whose lock was lost',
          () => cut!.output(),
          (output) => output.includes('LOCK_LOST'),
        );
      });
      expect((await stage.waitForEnd(id)).status).toBe('Completed');
    }),
  );

  it('forgotten on its way, while new ones are let through: API and worker are back by themselves', () =>
    onStage({}, async (stage) => {
      const { client } = stage.redis;
      const [caller] = stage.callers;
      const countSubscribers = async () => Number((await client.pubsub('NUMSUB', '{audit-query}:changes'))[1]);
      const subscribers = await countSubscribers();
      const id = await caller.submitUntilAccepted(WHOLE_RANGE);
      await stage.waitForPages(5);
      await stage.blind(async () => {
        for (const line of [stage.lines.api, stage.lines.worker]) line.setMode('forget');
        const forgottenAt = now();
        expect((await caller.read(id)).answer?.status).toBe(503);
        const { answer } = await waitUntil(
          'a submission to be accepted',
          () => caller.submit(ONE_DAY),
          (call) => call.answer?.status === 202,
          SILENCE_NOTICED_WITHIN_MS,
        );
        await waitUntilReady(stage.workers[0]!);
        expect(now() - forgottenAt).toBeLessThan(SILENCE_NOTICED_WITHIN_MS);
        for (const one of [id, answer!.document!.id]) {
          expect((await stage.waitForEnd(one)).status).toBe('Completed');
        }
        // Redis knows nothing of the end of the forgotten ones.
        await waitUntil(
          'the API to hear of changes again',
          countSubscribers,
          (count) => count > subscribers,
          SILENCE_NOTICED_WITHIN_MS,
        );
      });
    }));

  it('slow and late: everything comes out all the same', () =>
    onStage({}, async (stage) => {
      for (const line of [stage.lines.api, stage.lines.worker]) {
        line.setQuality({ latencyMs: 40, bytesPerSecond: 100_000 });
        line.setMode('reset');
      }
      const id = await stage.callers[0].submitUntilAccepted(WHOLE_RANGE);
      expect((await stage.waitForEnd(id)).status).toBe('Completed');
    }));

  it('breaking in the middle of replies to a worker, again and again: no run fails', () =>
    onStage({}, async (stage) => {
      const [caller] = stage.callers;
      await stage.waitForEnd(await caller.submitUntilAccepted(WHOLE_RANGE));
      const line = stage.lines.worker;
      // More than the largest reply, the heads of all days: through a line that never carries one whole nobody gets.
      line.setQuality({ cutAfterBytes: 100_000 });
      line.setMode('reset');
      const reused = { ...WHOLE_RANGE, maxAgeSeconds: 3_600 };
      const ids = await Promise.all([1, 2, 3].map(() => caller.submitUntilAccepted(reused)));
      for (const id of ids) {
        expect(await stage.waitForEnd(id)).toMatchObject({ status: 'Completed', result: { daysScanned: 0 } });
      }
      console.log(`${line.cuts} replies to a worker were cut`);
      expect(line.cuts).toBeGreaterThan(MANY_CUTS);
      expect(stage.workers[0]!.output()).not.toContain('a run failed');
    }));

  it('breaking in the middle of replies to the API, again and again: 503, or the same query under its key', () =>
    onStage({ workers: 0 }, async (stage) => {
      const [caller] = stage.callers;
      for (let i = 0; i < LISTED; i += 1) await caller.submitUntilAccepted(ONE_DAY);
      const line = stage.lines.api;
      // More than a whole list, which is the largest reply.
      line.setQuality({ cutAfterBytes: 60_000 });
      line.setMode('reset');
      const keys: string[] = [];
      const lists: (number | undefined)[] = [];
      while (line.cuts <= MANY_CUTS) {
        const key = `cut-${keys.length}`;
        keys.push(key);
        const [list] = await Promise.all([caller.list(), caller.submit(OTHER_DAY, key)]);
        lists.push(list.answer?.status);
      }
      expect(new Set(lists)).toEqual(new Set([200, 503]));
      for (const key of keys) await caller.submitUntilAccepted(OTHER_DAY, key);
      line.setQuality({});
      line.setMode('reset');
      await stage.addWorker();
    }));
});
