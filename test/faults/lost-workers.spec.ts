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

/** Stored days of all queries, which no run reads again. */
async function listStoredDays({ redis }: Stage): Promise<string[]> {
  const keys = await redis.client.keys('{audit-query}:day:*');
  return keys.map((key) => key.slice(-WHOLE_RANGE.start.length)).sort();
}

async function listAskedDays({ double }: Stage): Promise<string[]> {
  return (await double.requests()).flatMap(({ day }) => day ?? []);
}

describe('fault 1: a worker is killed in the middle of a scan', () => {
  it.each([1, 10])(
    'after more days are stored, %i times: another worker continues, and reads no stored day again',
    (times) =>
      // One day at a time, so that there are enough stored days.
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

  it('before any day is stored, ten times: another worker continues', () =>
    onStage({}, async (stage) => {
      await stage.double.configure({ faults: [{ fault: { kind: 'latency', ms: 200 } }] });
      const id = await stage.callers[0].submitUntilAccepted(WHOLE_RANGE);
      for (let time = 1; time <= 10; time += 1) {
        const before = (await listAskedDays(stage)).length;
        await waitUntil(
          'the run to request the second pages of its days',
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
  it('a query is Pending before its start and Running after it, and continues when a worker starts', () =>
    onStage({ workers: 0 }, async (stage) => {
      const [caller] = stage.callers;
      const id = await caller.submitUntilAccepted(WHOLE_RANGE);
      expect((await caller.read(id)).answer?.document?.status).toBe('Pending');
      const first = await stage.addWorker();
      await stage.waitFor(id, 'progress', ({ progress }) => progress.daysDone > 0);
      await stage.end(first, 'SIGKILL');
      const other = await caller.submitUntilAccepted(WHOLE_RANGE);
      // Longer than a lock.
      await delay(profile.lockSeconds * 3_000);
      expect((await caller.read(id)).answer?.document?.status).toBe('Running');
      expect((await caller.result(id)).answer?.status).toBe(202);
      expect((await caller.read(other)).answer?.document?.status).toBe('Pending');
      await stage.addWorker();
      for (const one of [id, other]) expect((await stage.waitForEnd(one)).status).toBe('Completed');
    }));
});

/** How the runs of a query ended, in order. */
async function listEnds({ redis }: Stage, id: string): Promise<AttemptEnd[]> {
  const events = await redis.client.lrange(`{audit-query}:history:${id}`, 0, -1);
  return events.map((text) => JSON.parse(text) as HistoryEvent).flatMap((event) => ('end' in event ? event.end : []));
}

/** The counters of lost workers, of BullMQ and of the service, and BullMQ's counter of failed runs. */
async function readLosses({ redis }: Stage, id: string) {
  const job = `{audit-query}:queries:${id}`;
  const [stalled, attempts, reason, lost] = await redis.client.hmget(job, 'stc', 'atm', 'failedReason', 'lostWorkers');
  return { stalled, attempts, reason, lost };
}

/** On a busy machine a lock of one second may expire without a fault, which counts as a lost worker too. */
const UNHURRIED = { LOCK_SECONDS: '10' };

/** The last run is an attempt too. */
const NO_LOSSES = { stalled: null, attempts: '1', reason: null, lost: null };

/** The live workers that run a query. */
async function listBusy({ redis: { client }, workers }: Stage): Promise<ServiceProcess[]> {
  const active = await client.lrange('{audit-query}:queries:active', 0, -1);
  const holders = await Promise.all(active.map((id) => client.hget(`{audit-query}:queries:${id}`, 'pb')));
  const beats = await Promise.all(holders.map((holder) => client.get(`{audit-query}:worker:${holder}`)));
  const pids = beats.flatMap((beat) => (beat === null ? [] : (JSON.parse(beat) as WorkerBeat).pid));
  return workers.filter(({ child: { pid } }) => pid !== undefined && pids.includes(pid));
}

describe('fault 3: workers are replaced one after the other, without a break', () => {
  it('each worker returns its queries to the queue, no query counts as lost, and no caller notices', () =>
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
      // A run may end at the moment of its worker's SIGTERM.
      expect(ends.filter((end) => end === 'GivenBack').length).toBeGreaterThanOrEqual(5);
      expect(ends.filter((end) => end !== 'GivenBack')).toEqual(ids.map(() => 'Completed'));
      for (const id of ids) expect(await readLosses(stage, id)).toEqual(NO_LOSSES);
      expect(stage.workers.map((worker) => /stalled|LOCK_LOST|UNEXPECTED/.test(worker.output()))).not.toContain(true);
    }));
});

describe('fault 3: the worker of a query gets SIGTERM, three times', () => {
  const LONG_DAYS = { start: '2021-10-01', end: '2021-10-04' };
  const partitions = generateDays(LONG_DAYS.start, 4, 20_000);

  it('returns the query to the queue each time, in the middle of its days, and only pages in flight are read again', () =>
    onStage({ workers: 4, rows: { partitions, distinctIdentifiers: 5_000 }, env: UNHURRIED }, async (stage) => {
      await stage.double.configure({ faults: [{ fault: { kind: 'latency', ms: 300 } }] });
      const id = await stage.callers[0].submitUntilAccepted(LONG_DAYS);
      for (let turn = 0; turn < 3; turn += 1) {
        const before = (await listAskedDays(stage)).length;
        await waitUntil(
          'more page requests',
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
      // Two pages are in flight at a time.
      expect(pages.length - distinct).toBeLessThanOrEqual(3 * 2);
    }));
});

describe('fault 3: a worker gets SIGTERM while it starts', () => {
  it('exits at once, with 0', () =>
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

describe('fault 4: a worker gets SIGTERM while Redis is unreachable', () => {
  it.each(['refuse', 'silent'] as const)('exits within its grace period (%s)', (mode) =>
    onStage({}, async (stage) => {
      const id = await stage.callers[0].submitUntilAccepted(WHOLE_RANGE);
      await stage.waitForPages(5);
      stage.proxies.worker.setMode(mode);
      await stage.blind(() => stage.end(stage.workers[0]!));
      expect(stage.history.ends.at(-1)?.code).toBe(0);
      stage.proxies.worker.setMode('pass');
      await stage.addWorker();
      expect((await stage.waitForEnd(id)).status).toBe('Completed');
    }),
  );
});

describe('fault 5: a worker is frozen for longer than its lock, and continues', () => {
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
          'the late worker to log LOCK_LOST',
          () => late!.output(),
          (output) => output.includes('LOCK_LOST'),
        );
      });
      expect((await stage.waitForEnd(id)).status).toBe('Completed');
    }));

  it('as it publishes, and another worker is faster: it publishes nothing', () =>
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

  it('as it publishes, without another worker: it publishes nothing, and takes the query again', () =>
    onStageWithFrozen(async ({ stage, id, late, thaw }) => {
      await waitUntil(
        'the lock to expire',
        () => stage.redis.client.exists(`{audit-query}:queries:${id}:lock`),
        (locks) => locks === 0,
        profile.settleMs,
      );
      thaw();
      await waitUntil(
        'the late worker to log LOCK_LOST',
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
  /** Lets the publication arrive. */
  thaw: () => void;
}

/** Runs `test` with a worker that has read a whole query and is frozen as it publishes; expects no later page request. */
function onStageWithFrozen(test: (frozen: Frozen) => Promise<void>): Promise<void> {
  return onStage({ workers: 0 }, async (stage) => {
    const proxy = await startTcpProxy({ host: '127.0.0.1', port: stage.redis.port });
    try {
      const late = await stage.addWorker({ REDIS_URL: `redis://127.0.0.1:${proxy.port}` });
      const aimed = holdPublication(proxy);
      const id = await stage.callers[0].submitUntilAccepted(WHOLE_RANGE);
      await aimed;
      late.child.kill('SIGSTOP');
      const asked = await listAskedDays(stage);
      const thaw = () => {
        late.child.kill('SIGCONT');
        proxy.setMode('pass');
      };
      await test({ stage, id, late, thaw });
      expect(await listAskedDays(stage)).toEqual(asked);
      expect(await stage.redis.client.hgetall('{audit-query}:ended')).toEqual({ 'Completed:': '1' });
      // Before its proxy stops.
      await stage.end(late);
    } finally {
      await proxy.stop();
    }
  });
}
