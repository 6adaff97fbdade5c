import { describe, expect, it } from 'vitest';
import { waitUntil } from '../support/wait-until';
import { type Call, isOver, now, type QueryDocument } from './harness/history';
import { onStage, PAGE_LATENCY, WHOLE_RANGE } from './harness/on-stage';
import type { Stage } from './harness/stage';
import { failUnforeseen } from './harness/unforeseen-failure';

const ONE_DAY = { start: '2021-10-03', end: '2021-10-03' };
/** The last day of the table: no run that stops early reads it. */
const OTHER_DAY = { start: '2021-10-20', end: '2021-10-20' };

/** In the commands with which a worker starts a run and publishes a result. */
const BEGIN = ':status:Pending';
const PUBLICATION = '"status":"Completed"';

function readStatus({ answer }: Call): string | undefined {
  return answer?.document?.status;
}

/** Terminates three times concurrently, each through the next API. @returns The document of the ended query. */
async function terminate(stage: Stage, id: string): Promise<QueryDocument> {
  const calls = await Promise.all([1, 2, 3].map(() => stage.callers[0].terminate(id)));
  // One outcome for all, and 202 for at most one call, which wrote it.
  expect(new Set(calls.map(readStatus)).size).toBe(1);
  const statuses = calls.map(({ answer }) => answer?.status);
  expect(statuses.sort().slice(0, 2)).toEqual([200, 200]);
  const again = await stage.callers[0].terminate(id);
  expect([again.answer?.status, readStatus(again)]).toEqual([200, readStatus(calls[0]!)]);
  return again.answer!.document!;
}

async function listDays(stage: Stage): Promise<string[]> {
  const days = (await stage.double.requests()).map(({ day }) => day).filter((day) => day !== null);
  return [...new Set(days)];
}

/** Expects that the workers run other queries, and read only `days` of the terminated one. */
async function expectOthersGoOn(stage: Stage, days: readonly string[] = []): Promise<void> {
  const other = await stage.callers[0].submitUntilAccepted(OTHER_DAY);
  expect((await stage.waitForEnd(other)).status).toBe('Completed');
  await stage.waitUntilIdle();
  expect((await listDays(stage)).filter((day) => day !== OTHER_DAY.start).sort()).toEqual([...days].sort());
}

describe('fault 15: a query is terminated', () => {
  it('while it waits, through another API: no worker starts it', () =>
    onStage({ apis: 2, workers: 0 }, async (stage) => {
      const id = await stage.callers[0].submitUntilAccepted(WHOLE_RANGE);
      expect((await terminate(stage, id)).status).toBe('Terminated');
      await stage.addWorker();
      await expectOthersGoOn(stage);
    }));

  it('while it runs, through another API: no page is requested after two seconds', () =>
    onStage({ apis: 2 }, async (stage) => {
      await stage.double.configure({ faults: [{ fault: { kind: 'latency', ms: 300 } }] });
      const id = await stage.callers[0].submitUntilAccepted(WHOLE_RANGE);
      await stage.waitForPages(4);
      expect((await terminate(stage, id)).status).toBe('Terminated');
      await waitUntil(
        'its page requests to stop',
        () => stage.double.requests(),
        (requests) => now() - (requests.at(-1)?.receivedAtMs ?? 0) > 2_500,
      );
      expect(await stage.pagesServed()).toBeLessThan(60);
    }));

  it('after its worker was killed, before this is detected: the next worker reads nothing', () =>
    onStage({ apis: 2 }, async (stage) => {
      const id = await stage.callers[0].submitUntilAccepted(WHOLE_RANGE);
      await stage.waitForPages(4);
      await stage.end(stage.workers[0]!, 'SIGKILL');
      const days = await listDays(stage);
      expect((await terminate(stage, id)).status).toBe('Terminated');
      // Still active: the killed worker could not remove it from the list.
      expect(await stage.redis.client.lrange('{audit-query}:queries:active', 0, -1)).toEqual([id]);
      await stage.addWorker();
      await expectOthersGoOn(stage, days);
    }));

  it('while it waits for a retry after an unexpected error: it is not retried', () =>
    onStage({ apis: 2 }, async (stage) => {
      const { id, mend } = await failUnforeseen(stage, ONE_DAY);
      await stage.end(stage.workers[0]!, 'SIGKILL');
      await mend();
      expect(await stage.redis.client.lrange('{audit-query}:queries:active', 0, -1)).toEqual([id]);
      const begun = (await stage.double.requests()).length;
      const ended = await terminate(stage, id);
      expect([ended.status, ended.startedAt]).toEqual(['Terminated', expect.any(String)]);
      await stage.addWorker();
      const later = await stage.callers[0].submitUntilAccepted(OTHER_DAY);
      expect((await stage.waitForEnd(later)).status).toBe('Completed');
      const since = (await stage.double.requests()).slice(begun).map(({ day }) => day);
      expect(since.filter((day) => day === ONE_DAY.start)).toEqual([]);
    }));

  it('while it waits to run alone, after two lost workers: other queries run at once', () =>
    onStage({ apis: 2 }, async (stage) => {
      await stage.double.configure({ faults: [{ fault: { kind: 'latency', ms: 500 } }] });
      const [worker] = stage.workers;
      const long = await stage.callers[1].submitUntilAccepted(WHOLE_RANGE);
      await stage.waitFor(long, 'the query to run', ({ status }) => status === 'Running');
      // Holds back the start of its run until its counter of lost workers is 2.
      stage.proxies.worker.holdFrom(BEGIN);
      const id = await stage.callers[0].submitUntilAccepted(ONE_DAY);
      await stage.redis.client.hset(`{audit-query}:queries:${id}`, 'lostWorkers', 2);
      stage.proxies.worker.setMode('pass');
      await waitUntil(
        'the query to wait to run alone',
        () => worker!.output(),
        (output) => output.includes('is to be run alone'),
      );
      expect((await terminate(stage, id)).status).toBe('Terminated');
      await stage.double.configure({ faults: [PAGE_LATENCY] });
      const later = await stage.callers[0].submitUntilAccepted(OTHER_DAY);
      await stage.waitFor(later, 'the query to run', ({ status }) => status !== 'Pending');
      expect((await stage.waitFor(long, 'a status', () => true)).status).toBe('Running');
      for (const one of [later, long]) expect((await stage.waitForEnd(one)).status).toBe('Completed');
    }));
});

describe('fault 15: a query is terminated as', () => {
  /** Terminates the query before the command with this text reaches Redis. @returns The ended query. */
  async function terminateBefore(stage: Stage, text: string): Promise<QueryDocument> {
    const { worker: proxy } = stage.proxies;
    const sent = new Promise<void>((resolve) => proxy.onSent(text, resolve));
    proxy.holdFrom(text);
    const id = await stage.callers[0].submitUntilAccepted(ONE_DAY);
    await sent;
    const ended = await terminate(stage, id);
    proxy.setMode('pass');
    await expectRunToStop(stage);
    return ended;
  }

  /** Terminates the query after the command with this text was sent. */
  async function terminateAfter(stage: Stage, text: string): Promise<QueryDocument> {
    // Loads both scripts into Redis: otherwise the first command is an EVALSHA that gets NOSCRIPT.
    await stage.waitForEnd(await stage.callers[0].submitUntilAccepted(OTHER_DAY));
    const sent = new Promise<void>((resolve) => stage.proxies.worker.onSent(text, resolve));
    const id = await stage.callers[0].submitUntilAccepted(ONE_DAY);
    await sent;
    return terminate(stage, id);
  }

  function expectRunToStop(stage: Stage): Promise<string> {
    const isStopped = (output: string) => output.includes('a run was stopped');
    return waitUntil('the run to stop', () => stage.workers[0]!.output(), isStopped);
  }

  it('a worker starts it, before the start: nothing is read', () =>
    onStage({ apis: 2 }, async (stage) => {
      const ended = await terminateBefore(stage, BEGIN);
      expect([ended.status, ended.startedAt]).toEqual(['Terminated', null]);
      await expectOthersGoOn(stage);
    }));

  it('a worker starts it, after the start: the run stops', () =>
    onStage({ apis: 2 }, async (stage) => {
      await stage.double.configure({ faults: [{ fault: { kind: 'latency', ms: 1_000 } }] });
      const ended = await terminateAfter(stage, BEGIN);
      expect([ended.status, ended.startedAt]).toEqual(['Terminated', expect.any(String)]);
      await expectRunToStop(stage);
      await stage.double.configure({ faults: [PAGE_LATENCY] });
      await expectOthersGoOn(stage, [ONE_DAY.start]);
    }));

  it('a worker publishes its result, before the publication: it stays Terminated', () =>
    onStage({ apis: 2 }, async (stage) => {
      const ended = await terminateBefore(stage, PUBLICATION);
      expect([ended.status, ended.result]).toEqual(['Terminated', null]);
      expect(await stage.waitFor(ended.id, 'a status', isOver)).toEqual(ended);
    }));

  it('a worker publishes its result, after the publication: it stays Completed', () =>
    onStage({ apis: 2 }, async (stage) => {
      const ended = await terminateAfter(stage, PUBLICATION);
      expect([ended.status, ended.error]).toEqual(['Completed', null]);
      expect(await stage.waitFor(ended.id, 'a status', isOver)).toEqual(ended);
    }));
});
