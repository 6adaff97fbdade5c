import { Queue } from 'bullmq';
import { describe, expect, it } from 'vitest';
import { RecordKeys } from '#shared/redis/record-keys';
import { readResidentBytes } from '../support/service-processes';
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

/** A stream buffers 16 KB of events; beyond that it keeps the latest one and the end. */
const MOST_LATE_EVENTS = 25;

/** Below this a difference is noise: the callers run on the same processors. */
const NOISE_MS = { median: 2, late: 10 };

/** Latency in milliseconds: median and 95th percentile. */
interface Latency {
  median: number;
  late: number;
}

const KINDS = ['status', 'submit', 'terminate'] as const;
type Latencies = Record<(typeof KINDS)[number], Latency>;

/** Reads the query, submits another one and terminates it, in turn. */
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
  return { status: judge(times.status), submit: judge(times.submit), terminate: judge(times.terminate) };
}

function judge(times: number[]): Latency {
  const sorted = times.sort((a, b) => a - b);
  return { median: sorted[ROUNDS / 2]!, late: sorted[ROUNDS * 0.95]! };
}

function report(what: string, latencies: Latencies): void {
  const toText = ({ median, late }: Latency) => `${median.toFixed(1)} ms (one in twenty: ${late.toFixed(1)})`;
  const [a, b, c] = KINDS.map((kind) => toText(latencies[kind]));
  console.log(`${what}: a status in ${a}, a submission in ${b}, a termination in ${c}`);
}

function expectHardlySlower(before: Latencies, after: Latencies): void {
  for (const kind of KINDS) {
    for (const share of ['median', 'late'] as const) {
      const isFast = (ms: number) => ms < 2 * before[kind][share] + NOISE_MS[share];
      expect([kind, share, after[kind][share]]).toEqual([kind, share, expect.toSatisfy(isFast)]);
    }
  }
}

/** Queries of the first caller, recorded and queued as the API does, past its rate limits. */
class Backlog {
  private readonly queue: Queue;
  private readonly lists: string[];

  constructor(private readonly stage: Stage) {
    this.queue = new Queue('queries', { connection: stage.redis.client, prefix: '{audit-query}' });
    const keys = new RecordKeys('{audit-query}');
    const [{ caller }] = stage.callers;
    const lists = [keys.liveQueries(caller), keys.callerQueries(caller), keys.allQueries];
    this.lists = [...lists, keys.queriesOf('Pending')];
  }

  async fill(count: number): Promise<void> {
    const { client } = this.stage.redis;
    const [{ caller }] = this.stage.callers;
    const data = { version: 1, caller, request: { ...ONE_DAY, maxAgeSeconds: 0 } };
    for (let at = 0; at < count; at += BATCH) {
      const ids = Array.from({ length: BATCH }, (_, i) => `f${(at + i).toString(16).padStart(31, '0')}`);
      const members = ids.flatMap((id) => [Date.now(), id]);
      await Promise.all(this.lists.map((list) => client.zadd(list, ...members)));
      await this.queue.addBulk(ids.map((jobId) => ({ name: 'count-distinct', data, opts: { jobId } })));
    }
    for (const list of this.lists) expect(await client.zcard(list)).toBeGreaterThanOrEqual(count);
  }

  /** Removes the waiting queries and their entries. */
  async clear(): Promise<void> {
    const { client } = this.stage.redis;
    const waiting = await client.lrange('{audit-query}:queries:wait', 0, -1);
    await this.queue.drain();
    for (let at = 0; at < waiting.length; at += BATCH) {
      const ids = waiting.slice(at, at + BATCH);
      await Promise.all([...this.lists, '{audit-query}:status:Running'].map((list) => client.zrem(list, ...ids)));
    }
  }
}

describe('fault 20: far more load than expected', () => {
  it('100,000 queries of one caller wait: status, submission and termination take as long as before, and memory is bounded', () =>
    onStage({ workers: 0, env: { LIVE_QUERIES_PER_CALLER: '1000000' } }, async (stage) => {
      const [caller] = stage.callers;
      const id = await caller.submitUntilAccepted(WHOLE_RANGE);
      const before = await measure(stage, id);
      report('alone', before);
      const backlog = new Backlog(stage);
      await backlog.fill(WAITING);
      const after = await measure(stage, id);
      report(`with ${WAITING} queries waiting`, after);
      expectHardlySlower(before, after);
      const last = await caller.submit(ONE_DAY);
      expect(Number(last.answer?.retryAfter)).toBeLessThanOrEqual(60);
      await caller.terminate(last.answer?.document?.id ?? '');
      expect(readResidentBytes(stage.apis[0]!)).toBeLessThan(MOST_RESIDENT_BYTES);
      // First come, first served: the earlier query runs first.
      await stage.addWorker();
      expect((await stage.waitForEnd(id)).status).toBe('Completed');
      await stage.end(stage.workers[0]!);
      await backlog.clear();
    }));

  it('2,000 pollers ignore Retry-After: other calls take hardly longer', () =>
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
      // Polling lasted during the whole measurement, at about its rate.
      expect(rate).toBeGreaterThan(0.7 * POLLS_A_SECOND);
      expect([errors, non2xx]).toEqual([0, 0]);
      expectHardlySlower(before, after);
      expect(readResidentBytes(stage.apis[0]!)).toBeLessThan(MOST_RESIDENT_BYTES);
      await stage.addWorker();
      for (const one of [id, theirs]) await stage.waitFor(one, 'the end', ({ status }) => status === 'Completed');
    }));

  it('event streams are full since their clients read nothing: other calls take hardly longer, and all streams get the end', () =>
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
