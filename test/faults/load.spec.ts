import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import autocannon from 'autocannon';
import { Queue } from 'bullmq';
import { describe, expect, it } from 'vitest';
import { waitUntil } from '../support/wait-until';
import { onStage, WHOLE_RANGE } from './harness/on-stage';
import type { Stage } from './harness/stage';

const ONE_DAY = { start: '2021-10-03', end: '2021-10-03' };
const WAITING = 100_000;
const BATCH = 5_000;
const POLLERS = 2_000;
const POLLS_A_SECOND = 1_000;
const SLOW_READERS = 200;
const LOOKS = 200;
const MOST_RESIDENT_BYTES = 400_000_000;

/** Under this a difference is the machine's: its processors are shared with those who ask. */
const NOISE_MS = 15;

function residentBytes({ apis }: Stage): number {
  const status = readFileSync(`/proc/${apis[0]!.child.pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) * 1_024;
}

/** What a status takes, in milliseconds: the median of many. */
async function measureLook(stage: Stage, id: string): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < LOOKS; i += 1) {
    const { startedAt, endedAt } = await stage.callers[0].read(id);
    times.push(endedAt - startedAt);
  }
  return times.sort((a, b) => a - b)[LOOKS / 2]!;
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
      const before = await measureLook(stage, id);
      const queue = await fillQueue(stage, WAITING);
      const after = await measureLook(stage, id);
      console.log(`a status: ${before.toFixed(1)} ms alone, ${after.toFixed(1)} ms with ${WAITING} queries waiting`);
      expect(after).toBeLessThan(2 * before + NOISE_MS);
      const last = await caller.submit(ONE_DAY);
      expect(Number(last.answer?.retryAfter)).toBeLessThanOrEqual(60);
      const { answer } = await caller.terminate(last.answer?.document?.id ?? '');
      expect([answer?.status, answer?.document?.status]).toEqual([202, 'Terminated']);
      expect(residentBytes(stage)).toBeLessThan(MOST_RESIDENT_BYTES);
      // First come, first served: the one that was there before goes first.
      await stage.addWorker();
      expect((await stage.waitForEnd(id)).status).toBe('Completed');
      await stage.end(stage.workers[0]!);
      await queue.drain();
    }));

  it('2,000 pollers that ignore Retry-After, and readers of events that do not read: others wait twice as long at most', () =>
    onStage({ workers: 0 }, async (stage) => {
      const [caller, crowd] = stage.callers;
      const id = await caller.submitUntilAccepted(WHOLE_RANGE);
      const theirs = await crowd.submitUntilAccepted(WHOLE_RANGE);
      const before = await measureLook(stage, id);
      const { url } = stage.apis[0]!;
      const headers = { 'x-api-key': crowd.key };
      const readers = await Promise.all(
        Array.from({ length: SLOW_READERS }, () => openStream(url, `/api/queries/${theirs}/events`, headers)),
      );
      const polling = autocannon({
        ...{ url: `${url}/api/queries/${theirs}`, headers, connections: POLLERS, overallRate: POLLS_A_SECOND },
        ...{ duration: 10, workers: 1 },
      });
      const after = await measureLook(stage, id);
      const { non2xx, '2xx': answered, errors } = await polling;
      console.log(`a status: ${before.toFixed(1)} ms alone, ${after.toFixed(1)} ms beside ${answered + non2xx} polls`);
      expect(errors).toBe(0);
      expect(after).toBeLessThan(2 * before + NOISE_MS);
      expect(residentBytes(stage)).toBeLessThan(MOST_RESIDENT_BYTES);
      await stage.addWorker();
      for (const one of [id, theirs]) await stage.waitFor(one, 'the end', ({ status }) => status === 'Completed');
      for (const reader of readers) reader.destroy();
    }));
});

/** Asks for a stream and reads nothing of it. */
async function openStream(url: string, path: string, headers: Record<string, string>): Promise<Socket> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => {});
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.write(`GET ${path} HTTP/1.1\r\nhost: ${hostname}\r\n${lines.join('')}\r\n`);
  socket.pause();
  await waitUntil(
    'the request to be sent',
    () => socket.bytesWritten,
    (bytes) => bytes > 0,
  );
  return socket;
}
