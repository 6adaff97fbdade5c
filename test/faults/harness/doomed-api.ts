import type { Redis } from 'ioredis';
import { expect } from 'vitest';
import { type ServiceProcess, waitUntilReady } from '../../support/service-processes';
import { startTcpProxy, type TcpProxy } from '../../support/tcp-proxy';
import { type Call, now, type QueryRange } from './history';
import { onStage } from './on-stage';
import { RecordingClient } from './recording-client';
import type { Stage } from './stage';

/** In the first command that an API sends to Redis for a submission under a key. */
const LOOK = ':limit:submissions:';

/** Three APIs; a test may kill the last one. */
export interface DoomedScene {
  doomed: ServiceProcess;
  /** Between the doomed API and Redis. */
  proxy: TcpProxy;
  /** The first caller, with one client for each API; the last one is that of the doomed API. */
  clients: [RecordingClient, RecordingClient, RecordingClient];
}

export async function withDoomedApi(test: (stage: Stage, scene: DoomedScene) => Promise<void>): Promise<void> {
  await onStage({ apis: 2 }, async (stage) => {
    const proxy = await startTcpProxy({ host: '127.0.0.1', port: stage.redis.port });
    try {
      const doomed = await stage.addApi({ REDIS_URL: `redis://127.0.0.1:${proxy.port}` });
      await waitUntilReady(doomed);
      // No API replaces it, and its callers continue to call it.
      const onExit = () => stage.history.silences.push({ api: doomed.url, from: now(), to: Infinity });
      doomed.child.once('exit', onExit);
      const [{ caller, key }] = stage.callers;
      const toClient = ({ url }: ServiceProcess) => new RecordingClient(caller, key, stage.history, () => url);
      await test(stage, { doomed, proxy, clients: stage.apis.map(toClient) as DoomedScene['clients'] });
    } finally {
      await proxy.stop();
    }
  });
}

export interface SubmissionPlan {
  range: QueryRange;
  key: string;
  /** Concurrent callers, and submissions of each. */
  callers: number;
  turns: number;
  /** After so many answers the doomed API is killed as soon as it starts another submission. */
  killAfter: number;
  /** Called with the number of answers so far. */
  onAnswer?: (count: number) => void;
}

/** Submits under one key at all APIs. @returns All calls. Fails if the killed API had no submission in flight. */
export async function submitUntilKilled(
  stage: Stage,
  { doomed, proxy, clients }: DoomedScene,
  { range, key, callers, turns, killAfter, onAnswer }: SubmissionPlan,
): Promise<Call[]> {
  const calls: Call[] = [];
  const atDoomed: Call[] = [];
  let killedAt = Infinity;
  const kill = () => {
    if (killedAt < Infinity) return;
    killedAt = now();
    void stage.end(doomed, 'SIGKILL');
  };
  const submitInTurn = async (client: RecordingClient) => {
    for (let turn = 0; turn < turns; turn += 1) {
      const call = await client.submit(range, key);
      if (client === clients[2]) atDoomed.push(call);
      calls.push(call);
      onAnswer?.(calls.length);
      if (calls.length === killAfter) proxy.onSent(LOOK, kill);
    }
  };
  await Promise.all(Array.from({ length: callers }, (_, i) => submitInTurn(clients[i % clients.length]!)));
  const inFlight = atDoomed.filter(({ answer, startedAt }) => answer === undefined && startedAt < killedAt);
  const answered = atDoomed.filter(({ answer }) => answer?.status === 202);
  console.log(`an API killed with ${inFlight.length} submissions in flight, after ${answered.length} answers`);
  expect(inFlight.length).toBeGreaterThan(0);
  expect(answered.length).toBeGreaterThan(0);
  return calls;
}

export async function countJobs(redis: Redis): Promise<number> {
  const keys = await redis.keys('{audit-query}:queries:*');
  return keys.filter((key) => /:[0-9a-f]{32}$/.test(key)).length;
}

/** Expects that all accepted calls returned the same query, and that Redis has no other one. */
export async function expectOneQuery({ redis: { client } }: Stage, calls: readonly Call[]): Promise<void> {
  const documents = calls.flatMap(({ answer }) => (answer?.status === 202 ? [answer.document!] : []));
  expect(new Set(documents.map(({ id, createdAt }) => `${id} ${createdAt}`)).size).toBe(1);
  expect(await countJobs(client)).toBe(1);
  const [{ id, createdAt }] = documents as [(typeof documents)[0]];
  expect(Number(await client.hget(`{audit-query}:queries:${id}`, 'timestamp'))).toBe(Date.parse(createdAt));
}
