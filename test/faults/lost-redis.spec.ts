import { describe, expect, it } from 'vitest';
import { waitUntilReady } from '../support/service-processes';
import { waitUntil } from '../support/wait-until';
import { type Call, listAccepted, now } from './harness/history';
import { onStage, WHOLE_RANGE } from './harness/on-stage';
import { profile } from './harness/profile';
import { holdFinish, holdPublication, losePublicationReply } from './harness/publication';
import type { Stage } from './harness/stage';

/** Limit after the first answer of Redis. */
const BACK_WITHIN_MS = 3_000;

/**
 * The delay between attempts to connect grows by 50 ms each time, up to a limit. Without the limit it would be longer
 * than the recovery limit after this outage.
 */
const LONG_OUTAGE_MS = 1.1 * (BACK_WITHIN_MS / 50) * (BACK_WITHIN_MS / 2);

const ONE_DAY = { start: '2021-10-03', end: '2021-10-03' };

/** Redis forces its file to the disk once a second, and delays a write by up to another second while the disk is busy. */
const EVERYSEC_LOSS_MS = 2_000;

function readAs(stage: Stage, id: string, { caller }: Call): Promise<Call> {
  return (stage.callers.find((client) => client.caller === caller) ?? stage.callers[0]).read(id);
}

async function isReady(url: string): Promise<boolean> {
  return (await fetch(`${url}/health/ready`)).status === 200;
}

function waitUntilUnready(url: string) {
  return waitUntil(
    'the process not to be ready',
    () => isReady(url),
    (ready) => !ready,
  );
}

/** Pages that were read more than once. */
async function listPagesReadAgain(stage: Stage, id: string): Promise<string[]> {
  const begunAt = listAccepted(stage.history).get(id)?.startedAt ?? 0;
  const pages = (await stage.double.requests())
    .filter(({ status, day, receivedAtMs }) => status === 200 && day !== null && receivedAtMs >= begunAt)
    .map(({ day, continuation }) => JSON.stringify([day, continuation]));
  return pages.filter((page, i) => pages.indexOf(page) !== i);
}

/** Both callers submit, `count` submissions at a time. @returns A function that stops them. */
function submitAllTheTime(stage: Stage, count: number): () => Promise<void> {
  let isStopped = false;
  const submitting = Array.from({ length: count }, async (_, i) => {
    while (!isStopped) await stage.callers[i % 2]!.submit(ONE_DAY);
  });
  return async () => {
    isStopped = true;
    await Promise.all(submitting);
  };
}

describe.each(['always', 'everysec'] as const)(
  'fault 6: Redis is killed and comes back (appendfsync %s)',
  (appendfsync) => {
    it('without a worker: accepted queries are kept', () =>
      onStage({ redis: { appendfsync }, workers: 0 }, async (stage) => {
        const id = await stage.callers[0].submitUntilAccepted(WHOLE_RANGE);
        await stage.redis.waitUntilWritten();
        await stage.redis.kill();
        await waitUntilUnready(stage.apis[0]!.url);
        expect((await stage.callers[0].read(id)).answer?.status).toBe(503);
        await stage.redis.start();
        await stage.addWorker();
        expect((await stage.waitForEnd(id)).status).toBe('Completed');
      }));

    it('idle: API and worker are back within three seconds', () =>
      onStage({ redis: { appendfsync } }, async (stage) => {
        const [caller] = stage.callers;
        const [api, worker] = [stage.apis[0]!, stage.workers[0]!];
        const before = await stage.waitForEnd(await caller.submitUntilAccepted(ONE_DAY));
        await stage.redis.kill();
        await Promise.all([api, worker].map(({ url }) => waitUntilUnready(url)));
        expect((await caller.submit(ONE_DAY)).answer?.status).toBe(503);
        await stage.redis.start();
        const backAt = now();
        const id = await caller.submitUntilAccepted(ONE_DAY);
        expect(now() - backAt).toBeLessThan(BACK_WITHIN_MS);
        expect((await stage.waitForEnd(id)).status).toBe('Completed');
        expect(now() - backAt).toBeLessThan(BACK_WITHIN_MS);
        await waitUntilReady(worker);
        expect(await stage.waitForEnd(before.id)).toEqual(before);
      }));

    it('under 20 submitters: only queries of the last two seconds may be lost', () =>
      onStage({ redis: { appendfsync } }, async (stage) => {
        const stop = submitAllTheTime(stage, 20);
        const accepted = () => listAccepted(stage.history);
        const killedAt: number[] = [];
        for (let time = 1; time <= 2; time += 1) {
          const before = accepted().size;
          await waitUntil(
            'many accepted queries',
            () => accepted().size,
            (count) => count >= before + 60,
          );
          await stage.blind(async () => {
            await stage.redis.kill();
            killedAt.push(now());
            await stage.redis.start();
            const backAt = now();
            const isNext = ({ answer, endedAt }: Call) => answer?.status === 202 && endedAt > backAt;
            const next = await waitUntil(
              'the next accepted query',
              () => stage.history.calls.find(isNext),
              (call) => call !== undefined,
            );
            expect(next!.endedAt - backAt).toBeLessThan(BACK_WITHIN_MS);
          });
        }
        await stop();
        const reads = await Promise.all(
          [...accepted()].map(async ([id, call]) => ({ call, read: await readAs(stage, id, call) })),
        );
        const lost = reads.filter(({ read }) => read.answer?.status === 404);
        console.log(`Redis killed twice, appendfsync ${appendfsync}: ${lost.length} of ${reads.length} lost`);
        for (const { call } of lost) {
          expect(killedAt.some((at) => call.endedAt > at - EVERYSEC_LOSS_MS && call.startedAt < at)).toBe(true);
        }
      }));

    it.each([
      ['before Redis has the outcome', holdPublication, false],
      ['after Redis has the outcome, before its reply', losePublicationReply, true],
    ])('as a query completes, %s: one outcome, and no page is read twice', (_name, aim, isWritten) =>
      onStage({ redis: { appendfsync } }, async (stage) => {
        const { client } = stage.redis;
        const [caller] = stage.callers;
        // Loads the script of publications into Redis.
        await stage.waitForEnd(await caller.submitUntilAccepted(ONE_DAY));
        const aimed = aim(stage.proxies.worker);
        const id = await caller.submitUntilAccepted(WHOLE_RANGE);
        await aimed;
        const readOutcome = () => client.get(`{audit-query}:outcome:${id}`);
        const written = await waitUntil(
          'the state of the outcome',
          readOutcome,
          (outcome) => (outcome !== null) === isWritten,
        );
        await stage.redis.waitUntilWritten();
        await stage.blind(async () => {
          await stage.redis.kill();
          stage.proxies.worker.setMode('pass');
          await stage.redis.start();
        });
        expect((await stage.waitForEnd(id)).status).toBe('Completed');
        await waitUntil(
          'the run to end',
          () => client.lrange(`{audit-query}:history:${id}`, 0, -1),
          (events) => events.some((event) => event.includes('"attempt-ended"')),
        );
        if (isWritten) expect(await readOutcome()).toBe(written);
        expect(await client.hgetall('{audit-query}:ended')).toEqual({ 'Completed:': '2' });
        expect(await listPagesReadAgain(stage, id)).toEqual([]);
      }),
    );
  },
);

describe('fault 6: Redis is away for minutes', () => {
  it('API and worker are back within three seconds', () =>
    onStage({ redis: { appendfsync: 'always' } }, async (stage) => {
      const [caller] = stage.callers;
      const proxies = [stage.proxies.api, stage.proxies.worker];
      await stage.waitForEnd(await caller.submitUntilAccepted(ONE_DAY));
      await stage.redis.kill();
      const awaySince = now();
      for (const proxy of proxies) proxy.setMode('cut');
      await waitUntil('the time to pass', now, (time) => time > awaySince + LONG_OUTAGE_MS, 2 * LONG_OUTAGE_MS);
      await stage.redis.start();
      // Redis returns just after a failed attempt of the API, the worst moment.
      const { refused } = stage.proxies.api;
      await waitUntil(
        'an attempt of each connection',
        () => stage.proxies.api.refused,
        (count) => count >= refused + 2,
      );
      for (const proxy of proxies) proxy.setMode('pass');
      const backAt = now();
      const id = await caller.submitUntilAccepted(ONE_DAY);
      expect(now() - backAt).toBeLessThan(BACK_WITHIN_MS);
      expect((await stage.waitForEnd(id)).status).toBe('Completed');
      expect(now() - backAt).toBeLessThan(BACK_WITHIN_MS);
    }));
});

describe('fault 7: Redis is away when a process starts', () => {
  it('the API is live and not ready, answers 503 and leaves no job; both recover', () =>
    onStage({ apis: 0, workers: 0 }, async (stage) => {
      await stage.redis.kill();
      const api = await stage.addApi();
      const worker = await stage.addWorker();
      for (const { url } of [api, worker]) {
        expect((await fetch(`${url}/health/live`)).status).toBe(200);
        expect(await isReady(url)).toBe(false);
      }
      const { answer } = await stage.callers[0].submit(WHOLE_RANGE);
      expect(answer?.status).toBe(503);
      await stage.redis.start();
      await Promise.all([api, worker].map(waitUntilReady));
      const id = await stage.callers[0].submitUntilAccepted(ONE_DAY);
      expect((await stage.waitForEnd(id)).status).toBe('Completed');
      // The refused query would read twenty days, the accepted one reads one.
      const days = new Set((await stage.double.requests()).map(({ day }) => day));
      expect(days).toEqual(new Set([null, ONE_DAY.start]));
    }));
});

describe('fault 9: Redis pauses for longer than the lock', () => {
  async function pause(stage: Stage): Promise<void> {
    await stage.redis.client.call('CLIENT', 'PAUSE', profile.lockSeconds * 2_500, 'ALL');
  }

  it('as a run publishes: Redis rejects the publication, the run stops, and the next run reads nothing', () =>
    onStage({}, async (stage) => {
      const { client } = stage.redis;
      const aimed = holdPublication(stage.proxies.worker);
      const id = await stage.callers[0].submitUntilAccepted(WHOLE_RANGE);
      await aimed;
      await stage.blind(async () => {
        await pause(stage);
        // Redis has received the publication, and executes it after the lock has expired.
        stage.proxies.worker.setMode('pass');
        await client.ping();
      });
      expect((await stage.waitForEnd(id)).status).toBe('Completed');
      expect(stage.workers[0]!.output()).toContain('LOCK_LOST');
      expect(await client.hgetall('{audit-query}:ended')).toEqual({ 'Completed:': '1' });
      expect(await listPagesReadAgain(stage, id)).toEqual([]);
    }));

  it.each([
    ['before its reply', losePublicationReply],
    ['before BullMQ completes the job', holdFinish],
  ])('after a publication, %s: the outcome stands, and nothing is read again', (_name, aim) =>
    onStage({}, async (stage) => {
      const { client } = stage.redis;
      const [caller] = stage.callers;
      const readOutcome = () => client.get(`{audit-query}:outcome:${id}`);
      const listAsked = async () => (await stage.double.requests()).filter(({ day }) => day !== null);
      // Loads the scripts into Redis.
      await stage.waitForEnd(await caller.submitUntilAccepted(ONE_DAY));
      await stage.waitUntilIdle();
      const aimed = aim(stage.proxies.worker);
      const id = await caller.submitUntilAccepted(WHOLE_RANGE);
      await aimed;
      const written = await waitUntil('the outcome', readOutcome, (outcome) => outcome !== null);
      const asked = await listAsked();
      await stage.blind(async () => {
        await pause(stage);
        stage.proxies.worker.setMode('pass');
        await client.ping();
      });
      await stage.waitUntilIdle();
      // The lock expired, so a second run took the query and found the outcome.
      expect(await client.hget(`{audit-query}:queries:${id}`, 'stc')).toBe('1');
      expect(stage.workers[0]!.output()).toContain('a run was stopped');
      expect(await readOutcome()).toBe(written);
      expect((await stage.waitForEnd(id)).status).toBe('Completed');
      expect(await client.hgetall('{audit-query}:ended')).toEqual({ 'Completed:': '2' });
      expect(await listAsked()).toEqual(asked);
    }),
  );

  it('during a run: one outcome, and no page is read twice', () =>
    onStage({}, async (stage) => {
      const id = await stage.callers[0].submitUntilAccepted(WHOLE_RANGE);
      await stage.waitForPages(30);
      await stage.blind(async () => {
        await pause(stage);
        await stage.redis.client.ping();
      });
      expect((await stage.waitForEnd(id)).status).toBe('Completed');
      expect(await listPagesReadAgain(stage, id)).toEqual([]);
    }));

  it('all connections are killed at once: every query completes', () =>
    onStage({}, async (stage) => {
      const id = await stage.callers[0].submitUntilAccepted(WHOLE_RANGE);
      for (const pages of [10, 25, 40]) {
        await stage.waitForPages(pages);
        await stage.redis.client.call('CLIENT', 'KILL', 'TYPE', 'normal');
      }
      expect((await stage.waitForEnd(id)).status).toBe('Completed');
    }));
});
