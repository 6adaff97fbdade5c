import { Queue } from 'bullmq';
import { describe, expect, it } from 'vitest';
import { readResidentBytes } from '../support/resident-bytes';
import { type Call, isOver, now } from './harness/history';
import { onStage, WHOLE_RANGE } from './harness/on-stage';
import { countScripts, startPolling } from './harness/polling';
import { openFullStreams } from './harness/full-streams';
import type { Stage } from './harness/stage';

const ONE_DAY = { start: '2021-10-03', end: '2021-10-03' };
const WAITING = 100_000;
const BATCH = 5_000;
const POLLERS = 2_000;
const POLLS_A_SECOND = 1_000;
const SLOW_READERS = 20;
const ROUNDS = 200;
const MOST_RESIDENT_BYTES = 400_000_000;

/** What a stream holds back itself (16 KB) is written as it is; of all that comes later only the latest, and the end. */
const MOST_LATE_EVENTS = 25;

/** Under this a difference is the machine's: its processors are shared with those who ask. */
const NOISE_MS = 5;

/** What a caller waits for an answer, in milliseconds: the median of many. */
interface Latencies {
  status: number;
  submit: number;
  terminate: number;
}

/** One after the other: looks at the query, submits another and terminates that. */
async function measure(stage: Stage, id: string): Promise<Latencies> {
  const [caller] = stage.callers;
  const times = { status: [] as number[], submit: [] as number[], terminate: [] as number[] };
  const time = (kind: keyof Latencies, { startedAt, endedAt }: Call) => times[kind].push(endedAt - startedAt);
  for (let round = 0; round < ROUNDS; round += 1) {
    time('status', await caller.read(id));
    const submission = await caller.submit(ONE_DAY);
    time('submit', submission);
    const termination = await caller.terminate(submission.answer?.document?.id ?? '');
    time('terminate', termination);
    expect([submission.answer?.status, termination.answer?.status]).toEqual([202, 202]);
  }
  const toMedian = (all: number[]) => all.sort((a, b) => a - b)[ROUNDS / 2]!;
  return { status: toMedian(times.status), submit: toMedian(times.submit), terminate: toMedian(times.terminate) };
}

function report(what: string, { status, submit, terminate }: Latencies): void {
  const [a, b, c] = [status, submit, terminate].map((ms) => ms.toFixed(1));
  console.log(`${what}: a status in ${a} ms, a submission in ${b} ms, a termination in ${c} ms`);
}

function expectHardlySlower(before: Latencies, after: Latencies): void {
  for (const kind of ['status', 'submit', 'terminate'] as const) {
    expect([kind, after[kind]]).toEqual([kind, expect.toSatisfy((ms: number) => ms < 2 * before[kind] + NOISE_MS)]);
  }
}

/** Puts jobs on the queue as the API does, faster than its limits allow. */
async function fillQueue(stage: Stage, count: number): Promise<Queue> {
  const queue = new Queue('queries', { connection: stage.redis.client, prefix: '{audit-query}' });
  const data = { version: 1, caller: 'key:crowd', request: { ...ONE_DAY, maxAgeSeconds: 0 } };
  for (let at = 0; at < count; at += BATCH) {
    const toJob = (_: unknown, i: number) => {
      const jobId = `f${(at + i).toString(16).padStart(31, '0')}`;
      return { name: 'count-distinct', data, opts: { jobId } };
    };
    await queue.addBulk(Array.from({ length: BATCH }, toJob));
  }
  return queue;
}

describe('fault 20: more than anybody asked for', () => {
  it('100,000 queries wait: others are looked up, submitted and terminated as fast as before, memory is bounded', () =>
    onStage({ workers: 0, check: { mayBeTakenOff: true } }, async (stage) => {
      const [caller] = stage.callers;
      const id = await caller.submitUntilAccepted(WHOLE_RANGE);
      const before = await measure(stage, id);
      report('alone', before);
      const queue = await fillQueue(stage, WAITING);
      const after = await measure(stage, id);
      report(`with ${WAITING} queries waiting`, after);
      expectHardlySlower(before, after);
      const last = await caller.submit(ONE_DAY);
      expect(Number(last.answer?.retryAfter)).toBeLessThanOrEqual(60);
      await caller.terminate(last.answer?.document?.id ?? '');
      expect(readResidentBytes(stage.apis[0]!)).toBeLessThan(MOST_RESIDENT_BYTES);
      // First come, first served: the one that was there before goes first.
      await stage.addWorker();
      expect((await stage.waitForEnd(id)).status).toBe('Completed');
      await stage.end(stage.workers[0]!);
      await queue.drain();
    }));

  it('2,000 pollers that ignore Retry-After: others hardly wait longer', () =>
    onStage({ workers: 0 }, async (stage) => {
      const [caller, crowd] = stage.callers;
      const id = await caller.submitUntilAccepted(WHOLE_RANGE);
      const theirs = await crowd.submitUntilAccepted(WHOLE_RANGE);
      const first = await countScripts(stage);
      const before = await measure(stage, id);
      const ownScripts = (await countScripts(stage)) - first;
      report('alone', before);
      const plan = { connections: POLLERS, pollsASecond: POLLS_A_SECOND, key: crowd.key };
      const polling = await startPolling(stage, `${stage.apis[0]!.url}/api/queries/${theirs}`, plan);
      const begun = { at: now(), scripts: await countScripts(stage) };
      const after = await measure(stage, id);
      const polls = (await countScripts(stage)) - begun.scripts - ownScripts;
      const rate = (polls * 1_000) / (now() - begun.at);
      const { errors, non2xx } = await polling.stop();
      report(`beside ${Math.round(rate)} polls a second`, after);
      // It went on for as long as was measured, and about as fast as it should.
      expect(rate).toBeGreaterThan(0.7 * POLLS_A_SECOND);
      expect([errors, non2xx]).toEqual([0, 0]);
      expectHardlySlower(before, after);
      expect(readResidentBytes(stage.apis[0]!)).toBeLessThan(MOST_RESIDENT_BYTES);
      await stage.addWorker();
      for (const one of [id, theirs]) await stage.waitFor(one, 'the end', ({ status }) => status === 'Completed');
    }));

  it('readers of events that read nothing until no more fits: others hardly wait longer, and all see the end', () =>
    onStage({ workers: 0 }, async (stage) => {
      const [caller, crowd] = stage.callers;
      const id = await caller.submitUntilAccepted(WHOLE_RANGE);
      const theirs = await crowd.submitUntilAccepted(WHOLE_RANGE);
      const before = await measure(stage, id);
      report('alone', before);
      const streams = await openFullStreams(stage, theirs, { readers: SLOW_READERS, key: crowd.key });
      const changing = streams.keepChanging();
      const after = await measure(stage, id);
      const changes = await changing.stop();
      report(`beside ${changes} changes that ${SLOW_READERS} readers do not read`, after);
      expect(changes).toBeGreaterThan(ROUNDS);
      expectHardlySlower(before, after);
      expect(readResidentBytes(stage.apis[0]!)).toBeLessThan(MOST_RESIDENT_BYTES);
      expect((await crowd.terminate(theirs)).answer?.document).toSatisfy(isOver);
      const late = await streams.readToEnd();
      console.log(`${Math.max(...late)} events at most after a stream was full`);
      expect(late.filter((count) => !(count <= MOST_LATE_EVENTS))).toEqual([]);
      await stage.addWorker();
      expect((await stage.waitForEnd(id)).status).toBe('Completed');
    }));
});
