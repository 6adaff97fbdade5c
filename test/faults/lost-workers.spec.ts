import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { AttemptEnd, HistoryEvent } from '#shared/contract/query-history';
import { type ServiceProcess, waitUntilReady } from '../support/service-processes';
import { generateDays } from '../support/table-double/generated-table';
import { startTcpProxy } from '../support/tcp-proxy';
import type { WorkerBeat } from '#shared/contract/worker-beat';
import { waitUntil } from '../support/wait-until';
import { DAYS, onStage, WHOLE_RANGE } from './harness/on-stage';
import { profile } from './harness/profile';
import { holdPublication } from './harness/publication';
import type { Stage } from './harness/stage';

/** Of all queries: what no run has to read again. */
async function listStoredDays({ redis }: Stage): Promise<string[]> {
  const keys = await redis.client.keys('{audit-query}:day:*');
  return keys.map((key) => key.slice(-WHOLE_RANGE.start.length)).sort();
}

async function listAskedDays({ double }: Stage): Promise<string[]> {
  return (await double.requests()).flatMap(({ day }) => day ?? []);
}

describe('fault 1: a worker is killed in the middle of a scan', () => {
  it.each([1, 10])('once more days are stored, %i times: another one goes on, and those are not read again', (times) =>
    // One day at a time, so that there are enough of them.
    onStage({ env: { SCAN_CONCURRENCY: '1' } }, async (stage) => {
      const id = await stage.callers[0].submitUntilAccepted(WHOLE_RANGE);
      const kills: { stored: string[]; asked: number }[] = [];
      for (let time = 1; time <= times; time += 1) {
        const before = kills.at(-1)?.stored.length ?? 1;
        const { progress } = await stage.waitFor(id, 'days done', ({ progress: { daysDone } }) => daysDone >= 2);
        await waitUntil(
          'another day to be stored',
          () => listStoredDays(stage),
          (days) => days.length > before,
          profile.settleMs,
        );
        await stage.end(stage.workers.at(-1)!, 'SIGKILL');
        const stored = await listStoredDays(stage);
        expect(stored.length).toBeGreaterThanOrEqual(progress.daysDone);
        expect(stored.length).toBeLessThan(DAYS);
        kills.push({ stored, asked: (await listAskedDays(stage)).length });
        expect((await stage.waitFor(id, 'a status', () => true)).status).toBe('Running');
        await stage.addWorker();
      }
      expect(await stage.waitForEnd(id)).toMatchObject({ status: 'Completed', result: { daysReused: 0 } });
      const asked = await listAskedDays(stage);
      for (const kill of kills) {
        const askedSince = new Set(asked.slice(kill.asked));
        expect(kill.stored.filter((day) => askedSince.has(day))).toEqual([]);
        expect(new Set([...kill.stored, ...askedSince]).size).toBe(DAYS);
      }
    }),
  );

  it('before any day is stored, ten times: another one goes on', () =>
    onStage({}, async (stage) => {
      await stage.double.configure({ faults: [{ fault: { kind: 'latency', ms: 200 } }] });
      const id = await stage.callers[0].submitUntilAccepted(WHOLE_RANGE);
      for (let time = 1; time <= 10; time += 1) {
        const before = (await listAskedDays(stage)).length;
        await waitUntil(
          'the run to ask for the second pages of its days',
          () => listAskedDays(stage),
          (days) => days.length >= before + 4,
          profile.settleMs,
        );
        await stage.end(stage.workers.at(-1)!, 'SIGKILL');
        expect(await listStoredDays(stage)).toEqual([]);
        const lost = await stage.redis.client.hget(`{audit-query}:queries:${id}`, 'lostWorkers');
        expect(Number(lost)).toBe(time - 1);
        expect((await stage.waitFor(id, 'a status', () => true)).status).toBe('Running');
        await stage.addWorker();
      }
      expect((await stage.waitForEnd(id)).status).toBe('Completed');
    }));
});

describe('fault 2: there is no worker for a while', () => {
  it('is Pending before and Running in the middle, and goes on when one comes', () =>
    onStage({ workers: 0 }, async (stage) => {
      const [caller] = stage.callers;
      const id = await caller.submitUntilAccepted(WHOLE_RANGE);
      expect((await caller.read(id)).answer?.document?.status).toBe('Pending');
      const first = await stage.addWorker();
      await stage.waitFor(id, 'progress', ({ progress }) => progress.daysDone > 0);
      await stage.end(first, 'SIGKILL');
      const other = await caller.submitUntilAccepted(WHOLE_RANGE);
      // Longer than any lock is held.
      await delay(profile.lockSeconds * 3_000);
      expect((await caller.read(id)).answer?.document?.status).toBe('Running');
      expect((await caller.result(id)).answer?.status).toBe(202);
      expect((await caller.read(other)).answer?.document?.status).toBe('Pending');
      await stage.addWorker();
      for (const one of [id, other]) expect((await stage.waitForEnd(one)).status).toBe('Completed');
    }));
});

/** How the runs of a query have ended, in order. */
async function listEnds({ redis }: Stage, id: string): Promise<AttemptEnd[]> {
  const events = await redis.client.lrange(`{audit-query}:history:${id}`, 0, -1);
  return events.map((text) => JSON.parse(text) as HistoryEvent).flatMap((event) => ('end' in event ? event.end : []));
}

/** What is counted of lost workers, by BullMQ and by the service, and how often BullMQ took a run for failed. */
async function readLosses({ redis }: Stage, id: string) {
  const job = `{audit-query}:queries:${id}`;
  const [stalled, attempts, reason, lost] = await redis.client.hmget(job, 'stc', 'atm', 'failedReason', 'lostWorkers');
  return { stalled, attempts, reason, lost };
}

/** On a busy machine a lock of one second runs out by itself, which is a lost worker too. */
const UNHURRIED = { LOCK_SECONDS: '10' };

/** The last run is an attempt too. */
const NO_LOSSES = { stalled: null, attempts: '1', reason: null, lost: null };

/** The workers that live and run a query. */
async function listBusy({ redis: { client }, workers }: Stage): Promise<ServiceProcess[]> {
  const active = await client.lrange('{audit-query}:queries:active', 0, -1);
  const holders = await Promise.all(active.map((id) => client.hget(`{audit-query}:queries:${id}`, 'pb')));
  const beats = await Promise.all(holders.map((holder) => client.get(`{audit-query}:worker:${holder}`)));
  const pids = beats.flatMap((beat) => (beat === null ? [] : (JSON.parse(beat) as WorkerBeat).pid));
  return workers.filter(({ child: { pid } }) => pid !== undefined && pids.includes(pid));
}

describe('fault 3: workers are replaced one after the other, without a break', () => {
  it('gives back what each of them runs, counts no query as lost, and no caller notices', () =>
    onStage({ workers: 3, env: UNHURRIED }, async (stage) => {
      await stage.double.configure({ faults: [{ fault: { kind: 'latency', ms: 150 } }] });
      const [caller, other] = stage.callers;
      const ids: string[] = [];
      for (let turn = 0; turn < 6; turn += 1) {
        await waitUntilReady(await stage.addWorker());
        ids.push(await caller.submitUntilAccepted(WHOLE_RANGE), await other.submitUntilAccepted(WHOLE_RANGE));
        const busy = await waitUntil(
          'a worker to run one of them',
          () => listBusy(stage),
          (workers) => workers.length > 0,
        );
        await stage.end(busy[0]!);
      }
      for (const id of ids) expect((await stage.waitForEnd(id)).status).toBe('Completed');
      await stage.waitUntilIdle();
      const ends = (await Promise.all(ids.map((id) => listEnds(stage, id)))).flat();
      // A run may end in the very moment in which its worker is told to go.
      expect(ends.filter((end) => end === 'GivenBack').length).toBeGreaterThanOrEqual(5);
      expect(ends.filter((end) => end !== 'GivenBack')).toEqual(ids.map(() => 'Completed'));
      for (const id of ids) expect(await readLosses(stage, id)).toEqual(NO_LOSSES);
      expect(stage.workers.map((worker) => /stalled|LOCK_LOST|UNEXPECTED/.test(worker.output()))).not.toContain(true);
    }));
});

describe('fault 3: the worker of a query is told to go, three times', () => {
  const LONG_DAYS = { start: '2021-10-01', end: '2021-10-04' };
  const partitions = generateDays(LONG_DAYS.start, 4, 20_000);

  it('gives the query back each time, in the middle of its days, and only what was in flight is read again', () =>
    onStage({ workers: 4, rows: { partitions, distinctIdentifiers: 5_000 }, env: UNHURRIED }, async (stage) => {
      await stage.double.configure({ faults: [{ fault: { kind: 'latency', ms: 300 } }] });
      const id = await stage.callers[0].submitUntilAccepted(LONG_DAYS);
      for (let turn = 0; turn < 3; turn += 1) {
        const before = (await listAskedDays(stage)).length;
        await waitUntil(
          'more pages to be asked for',
          () => listAskedDays(stage),
          (days) => days.length >= before + 12,
          profile.settleMs,
        );
        const [busy] = await listBusy(stage);
        await stage.end(busy!);
      }
      expect((await stage.waitForEnd(id)).status).toBe('Completed');
      await stage.waitUntilIdle();
      expect(await listEnds(stage, id)).toEqual(['GivenBack', 'GivenBack', 'GivenBack', 'Completed']);
      expect(await readLosses(stage, id)).toEqual(NO_LOSSES);
      const pages = (await stage.double.requests())
        .filter(({ day }) => day !== null)
        .map(({ day, continuation }) => JSON.stringify([day, continuation]));
      const distinct = new Set(pages).size;
      expect(distinct).toBe(80);
      // Two pages are read side by side.
      expect(pages.length - distinct).toBeLessThanOrEqual(3 * 2);
    }));
});

describe('fault 3: a worker is told to go while it starts', () => {
  it('goes at once and in good order', () =>
    onStage({ workers: 0 }, async (stage) => {
      const child = spawn(process.execPath, ['dist/apps/worker/src/main.js'], {
        env: {
          REDIS_URL: `redis://127.0.0.1:${stage.redis.port}`,
          TABLE_CONNECTION_STRING: stage.connectionString(stage.double.port),
          HEALTH_PORT: '0',
        },
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      const ended = once(child, 'exit');
      await once(child.stdout, 'data');
      child.kill('SIGTERM');
      expect(await ended).toEqual([0, null]);
    }));
});

describe('fault 4: a worker is told to go while its Redis is away', () => {
  it.each(['refuse', 'silent'] as const)('goes within its grace period (%s)', (mode) =>
    onStage({}, async (stage) => {
      const id = await stage.callers[0].submitUntilAccepted(WHOLE_RANGE);
      await stage.waitForPages(5);
      stage.lines.worker.setMode(mode);
      await stage.blind(() => stage.end(stage.workers[0]!));
      expect(stage.history.ends.at(-1)?.code).toBe(0);
      stage.lines.worker.setMode('pass');
      await stage.addWorker();
      expect((await stage.waitForEnd(id)).status).toBe('Completed');
    }),
  );
});

describe('fault 5: a worker is frozen for longer than its lock, and comes back', () => {
  it('publishes nothing, and stops', () =>
    onStage({}, async (stage) => {
      await stage.double.configure({ faults: [{ fault: { kind: 'latency', ms: 150 } }] });
      const [late] = stage.workers;
      const id = await stage.callers[0].submitUntilAccepted(WHOLE_RANGE);
      await stage.waitForPages(5);
      await stage.blind(async () => {
        late!.child.kill('SIGSTOP');
        await stage.addWorker();
        await stage.waitForPages(15);
        late!.child.kill('SIGCONT');
        await waitUntil(
          'the late one to notice',
          () => late!.output(),
          (output) => output.includes('LOCK_LOST'),
        );
      });
      expect((await stage.waitForEnd(id)).status).toBe('Completed');
    }));

  it('in the moment in which it publishes, and another one is faster: it publishes nothing', () =>
    onStageWithFrozen(async ({ stage, id, thaw }) => {
      await stage.addWorker();
      expect((await stage.waitForEnd(id)).status).toBe('Completed');
      const readOutcome = () => stage.redis.client.get(`{audit-query}:outcome:${id}`);
      const outcome = await readOutcome();
      thaw();
      await waitUntil(
        'both runs to end',
        () => stage.redis.client.lrange(`{audit-query}:history:${id}`, 0, -1),
        (events) => events.filter((event) => event.includes('"attempt-ended"')).length === 2,
      );
      expect(await readOutcome()).toBe(outcome);
    }));

  it('in the moment in which it publishes, and nobody else is there: it publishes nothing, and takes the query anew', () =>
    onStageWithFrozen(async ({ stage, id, late, thaw }) => {
      await waitUntil(
        'the end of its lock',
        () => stage.redis.client.exists(`{audit-query}:queries:${id}:lock`),
        (locks) => locks === 0,
        profile.settleMs,
      );
      thaw();
      await waitUntil(
        'the late one to notice',
        () => late.output(),
        (output) => output.includes('LOCK_LOST'),
      );
      expect((await stage.waitForEnd(id)).status).toBe('Completed');
    }));
});

interface Frozen {
  stage: Stage;
  id: string;
  late: ServiceProcess;
  /** What it was about to publish arrives. */
  thaw: () => void;
}

/** With a worker that has read all of a query and is frozen as it publishes; no page is asked for from then on. */
function onStageWithFrozen(test: (frozen: Frozen) => Promise<void>): Promise<void> {
  return onStage({ workers: 0 }, async (stage) => {
    const line = await startTcpProxy({ host: '127.0.0.1', port: stage.redis.port });
    try {
      const late = await stage.addWorker({ REDIS_URL: `redis://127.0.0.1:${line.port}` });
      const aimed = holdPublication(line);
      const id = await stage.callers[0].submitUntilAccepted(WHOLE_RANGE);
      await aimed;
      late.child.kill('SIGSTOP');
      const asked = await listAskedDays(stage);
      const thaw = () => {
        late.child.kill('SIGCONT');
        line.setMode('pass');
      };
      await test({ stage, id, late, thaw });
      expect(await listAskedDays(stage)).toEqual(asked);
      expect(await stage.redis.client.hgetall('{audit-query}:ended')).toEqual({ 'Completed:': '1' });
      // While its line is there.
      await stage.end(late);
    } finally {
      await line.stop();
    }
  });
}
