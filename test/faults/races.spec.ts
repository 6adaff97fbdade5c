import { Queue } from 'bullmq';
import { describe, expect, it } from 'vitest';
import { noProgress, type QueryOutcome } from '#shared/contract/query-document';
import { readEvents } from '../support/read-events';
import { generateDays } from '../support/table-double/generated-table';
import { startTcpProxy } from '../support/tcp-proxy';
import { waitUntil } from '../support/wait-until';
import { isOver, listDocuments, now } from './harness/history';
import { onStage, WHOLE_RANGE } from './harness/on-stage';
import { profile } from './harness/profile';
import type { Stage } from './harness/stage';

/** Time for at least eleven workers to start and to be killed; a lost worker is detected after up to two lock times. */
const POISON_LIMIT_MS = 96_000 + 11 * 2 * profile.lockSeconds * 1_000;
const ONE_DAY = { start: '2021-10-03', end: '2021-10-03' };

describe('fault 16: records are deleted during a run', () => {
  it.each([
    ['the records of the query', (stage: Stage, id: string) => deleteRecords(stage, id)],
    ['everything', (stage: Stage) => stage.redis.client.flushall()],
  ])('%s: the run stops and publishes nothing, and the worker runs other queries', (_name, erase) =>
    onStage({}, async (stage) => {
      const id = await stage.callers[0].submitUntilAccepted(WHOLE_RANGE);
      await stage.waitForPages(6);
      await erase(stage, id);
      stage.history.losses.push({ from: 0, to: now() });
      await waitUntil(
        'the run to stop',
        () => stage.workers[0]!.output(),
        (output) => output.includes('LOCK_LOST'),
      );
      expect((await stage.callers[0].read(id)).answer?.status).toBe(404);
      const other = await stage.callers[0].submitUntilAccepted(ONE_DAY);
      expect((await stage.waitForEnd(other)).status).toBe('Completed');
      expect(await stage.redis.client.exists(`{audit-query}:outcome:${id}`)).toBe(0);
    }),
  );
});

async function deleteRecords({ redis: { client } }: Stage, id: string): Promise<void> {
  const job = `{audit-query}:queries:${id}`;
  await client.del(job, `${job}:lock`, `{audit-query}:outcome:${id}`);
  await client.lrem('{audit-query}:queries:active', 0, id);
}

/** 100 pages a day: no run beside the poison stores a day before its worker is killed. */
const LONG_DAYS = generateDays('2021-10-01', 4, 100_000);

describe('fault 17: a query kills its worker each time', () => {
  it('it ends as WORKER_LOST after a bound; queries beside it and later queries complete', () =>
    onStage(
      {
        workers: 0,
        rows: { partitions: [...LONG_DAYS, ...generateDays('2021-10-05', 16, 20_000)], distinctIdentifiers: 900 },
        env: { SCAN_CONCURRENCY: '16' },
        check: { mayFailAs: ['WORKER_LOST'] },
      },
      async (stage) => {
        await stage.double.configure({ faults: [{ fault: { kind: 'latency', ms: 400 } }] });
        const POISON = '2021-10-20';
        let deaths = 0;
        /** Is killed as soon as it requests the poisoned day. */
        const addWorker = async () => {
          const proxy = await startTcpProxy({ host: '127.0.0.1', port: stage.double.port });
          const worker = await stage.addWorker({ TABLE_CONNECTION_STRING: stage.connectionString(proxy.port) });
          proxy.onSent(encodeURIComponent(`ge '${POISON}'`).replace(/'/g, '%27').slice(-15), () => {
            if (stage.isGone(worker)) return;
            deaths += 1;
            void stage.end(worker, 'SIGKILL').then(() => proxy.stop());
          });
        };
        const submitDay = (day: string) => stage.callers[1].submitUntilAccepted({ start: day, end: day });
        const submitAll = (days: string[]) => Promise.all(days.map((day) => submitDay(`2021-10-${day}`)));
        // One worker is busy with as many queries as it runs at once, for longer than the poison lives, so that the other
        // worker runs all remaining ones.
        const others = await submitAll(['01', '02', '03', '04']);
        await addWorker();
        for (const id of others) await stage.waitFor(id, 'the query to run', ({ status }) => status === 'Running');
        const poison = await stage.callers[0].submitUntilAccepted({ start: POISON, end: POISON });
        others.push(...(await submitAll(['05', '06', '07'])));
        await addWorker();
        await waitUntil(
          'the end of the poisoned query',
          async () => {
            if (others.length < 7 + deaths / 3) others.push(await submitDay('2021-10-08'));
            while (stage.workers.filter((worker) => !stage.isGone(worker)).length < 2) await addWorker();
            return stage.waitFor(poison, 'a status', () => true);
          },
          isOver,
          POISON_LIMIT_MS,
        );
        expect(await stage.waitForEnd(poison)).toMatchObject({ status: 'Failed', error: { code: 'WORKER_LOST' } });
        const ends = await Promise.all(others.map((id) => stage.waitForEnd(id)));
        expect(ends.map(({ status }) => status)).toEqual(others.map(() => 'Completed'));
        // Fewer on a slow machine: an expired lock counts as a lost worker too.
        expect(deaths).toBeGreaterThan(5);
        expect(deaths).toBeLessThanOrEqual(11);
      },
    ));
});

describe('fault 21: the payload of a job is of another version', () => {
  it('a newer payload is Failed with a code, and an older one without later members completes', () =>
    onStage({ check: { mayFailAs: ['QUERY_INVALID'] } }, async (stage) => {
      const queue = new Queue('queries', { connection: stage.redis.client, prefix: '{audit-query}' });
      const request = { ...ONE_DAY, maxAgeSeconds: 0 };
      const caller = stage.callers[0].caller;
      const jobs: [id: string, data: object, status: string, code: string | undefined][] = [
        ['a'.repeat(32), { version: 2, caller, request, days: [] }, 'Failed', 'QUERY_INVALID'],
        ['b'.repeat(32), { version: 1, caller, request: { ...request, start: 'later' } }, 'Failed', 'QUERY_INVALID'],
        ['c'.repeat(32), { version: 1, caller, request }, 'Completed', undefined],
      ];
      // Submitted first, so that a live query needs the pages of the others.
      const own = await stage.callers[0].submitUntilAccepted(ONE_DAY);
      const timestamp = Number((await stage.redis.client.time())[0]) * 1_000;
      for (const [jobId, data] of jobs) await queue.add('count-distinct', data, { jobId, timestamp });
      await queue.add('count-something-else', { version: 1, caller, request }, { jobId: 'd'.repeat(32), timestamp });
      jobs.push(['d'.repeat(32), {}, 'Failed', 'QUERY_INVALID']);
      for (const [id, , status, code] of jobs) {
        const document = await stage.waitForEnd(id);
        expect([id, document.status, document.error?.code]).toEqual([id, status, code]);
      }
      expect((await stage.waitForEnd(own)).status).toBe('Completed');
    }));
});

/** Records of another version: with unknown members, and without known ones. */
const UNKNOWN = { splits: 3, tenant: 'another' };

/** The query as the first caller sees it: document, list, first event, and the original's route. */
async function readEverywhere(stage: Stage, id: string) {
  const [caller] = stage.callers;
  const { url } = stage.apis[0]!;
  const headers = { 'x-api-key': caller.key };
  const { answer } = await caller.read(id);
  const listed = listDocuments(await caller.list()).find((document) => document.id === id);
  const events = readEvents(await fetch(`${url}/api/queries/${id}/events`, { headers }));
  const { value: event } = await events.next();
  await events.return(undefined);
  const original = await fetch(`${url}/api/status/${id}`, { headers });
  const { answer: result } = await caller.result(id);
  const operators = await fetch(`${stage.apis[0]!.operatorUrl}/operator/queries/${id}`);
  return {
    document: answer?.document,
    others: [listed, event?.data],
    original: [original.status, await original.json()] as const,
    result: [result?.status, JSON.parse(result?.body ?? '') as { code?: string }] as const,
    operators: operators.status,
  };
}

/** A query that has ended, and that no call has read since. */
async function complete({ callers, redis: { client } }: Stage) {
  const id = await callers[0].submitUntilAccepted(ONE_DAY);
  const key = `{audit-query}:outcome:${id}`;
  const written = await waitUntil(
    'the outcome',
    () => client.get(key),
    (text) => text !== null,
  );
  const rewrite = (other: object) => client.set(key, JSON.stringify(other), 'KEEPTTL');
  return { id, outcome: JSON.parse(written!) as QueryOutcome, rewrite };
}

describe('fault 21: the records of a query are of another version', () => {
  it('an outcome without a known member and with unknown ones: is returned with its members', () =>
    onStage({}, async (stage) => {
      const { id, outcome, rewrite } = await complete(stage);
      const { startedAt: _, ...older } = outcome;
      const { daysReused: __, ...progress } = outcome.progress;
      const other = { ...older, progress: { ...progress, ...UNKNOWN }, result: { ...outcome.result, ...UNKNOWN } };
      await rewrite({ ...other, ...UNKNOWN });
      const { document, others, original, result, operators } = await readEverywhere(stage, id);
      expect(document).toEqual({
        ...{ id, status: 'Completed', request: { ...ONE_DAY, maxAgeSeconds: 0 }, startedAt: null, error: null },
        createdAt: new Date(outcome.createdAt).toISOString(),
        finishedAt: new Date(outcome.finishedAt).toISOString(),
        expiresAt: new Date(outcome.expiresAt).toISOString(),
        ...{ progress: outcome.progress, result: outcome.result, links: expect.anything() as unknown },
      });
      expect(others).toEqual([document, document]);
      expect(original).toEqual([200, { id, status: 'Completed', result: outcome.result?.count }]);
      expect(result).toEqual([200, document]);
      expect(operators).toBe(200);
    }));

  it('an outcome with an unknown code: Failed, with QUERY_FAILED', () =>
    onStage({ check: { mayFailAs: ['QUERY_FAILED'] } }, async (stage) => {
      const { id, outcome, rewrite } = await complete(stage);
      const error = { code: 'TABLE_FROZEN', message: 'The table is frozen.' };
      await rewrite({ ...outcome, status: 'Failed', result: null, error });
      const { document, others, original, result, operators } = await readEverywhere(stage, id);
      expect(document).toMatchObject({ status: 'Failed', result: null, error: { code: 'QUERY_FAILED' } });
      expect(others).toEqual([document, document]);
      expect(original).toMatchObject([200, { id, status: 'Failed' }]);
      expect(result).toMatchObject([409, { code: 'QUERY_FAILED' }]);
      expect(operators).toBe(200);
    }));

  it('progress without members and with unknown ones: API and worker accept it', () =>
    onStage({ workers: 0 }, async (stage) => {
      const { client } = stage.redis;
      const id = await stage.callers[0].submitUntilAccepted(WHOLE_RANGE);
      const startedAt = Number((await client.time())[0]) * 1_000;
      const progress = { startedAt, percent: 12.5, daysDone: 2, ...UNKNOWN };
      await client.hset(`{audit-query}:queries:${id}`, 'progress', JSON.stringify(progress));
      const { document, others, original, result, operators } = await readEverywhere(stage, id);
      expect(document).toMatchObject({
        ...{ status: 'Running', startedAt: new Date(startedAt).toISOString() },
        progress: { ...noProgress(20), percent: 12.5, daysDone: 2 },
      });
      expect(Object.keys(document?.progress ?? {}).sort()).toEqual(Object.keys(noProgress(20)).sort());
      expect(others).toEqual([document, document]);
      expect(original).toEqual([202, { id, status: 'Running', result: null }]);
      expect(result).toEqual([202, document]);
      expect(operators).toBe(200);
      await stage.addWorker();
      const ended = await stage.waitForEnd(id);
      expect(ended).toMatchObject({ status: 'Completed', startedAt: document?.startedAt, progress: { daysDone: 20 } });
    }));
});
