import type { Redis } from 'ioredis';
import { expect } from 'vitest';
import { type ServiceProcess, waitUntilReady } from '../../support/service-processes';
import { startTcpProxy, type TcpProxy } from '../../support/tcp-proxy';
import { type Call, now, type QueryRange } from './history';
import { onStage } from './on-stage';
import { RecordingClient } from './recording-client';
import type { Stage } from './stage';

/** What an API sends to Redis first for a submission under a key. */
const LOOK = ':limit:submissions:';

/** Three APIs, the last of which a test may kill. */
export interface DoomedScene {
  doomed: ServiceProcess;
  /** From the doomed API alone to Redis. */
  line: TcpProxy;
  /** The first caller, at each API alone; the doomed one is the last. */
  clients: [RecordingClient, RecordingClient, RecordingClient];
}

export async function withDoomedApi(test: (stage: Stage, scene: DoomedScene) => Promise<void>): Promise<void> {
  await onStage({ apis: 2 }, async (stage) => {
    const line = await startTcpProxy({ host: '127.0.0.1', port: stage.redis.port });
    try {
      const doomed = await stage.addApi({ REDIS_URL: `redis://127.0.0.1:${line.port}` });
      await waitUntilReady(doomed);
      // Nobody replaces it, and its callers go on calling.
      const onExit = () => stage.history.silences.push({ api: doomed.url, from: now(), to: Infinity });
      doomed.child.once('exit', onExit);
      const [{ caller, key }] = stage.callers;
      const toClient = ({ url }: ServiceProcess) => new RecordingClient(caller, key, stage.history, () => url);
      await test(stage, { doomed, line, clients: stage.apis.map(toClient) as DoomedScene['clients'] });
    } finally {
      await line.stop();
    }
  });
}

export interface SubmissionPlan {
  range: QueryRange;
  key: string;
  /** As many as submit at once, each of them so often. */
  callers: number;
  turns: number;
  /** The doomed API is killed after so many answers, in the moment in which it begins with another submission. */
  killAfter: number;
  /** Told how many answers there have been. */
  onAnswer?: (count: number) => void;
}

/** Submits under one key at all APIs. @returns All calls, once it is sure that one at least was under way at the kill. */
export async function submitUntilKilled(
  stage: Stage,
  { doomed, line, clients }: DoomedScene,
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
      if (calls.length === killAfter) line.onSent(LOOK, kill);
    }
  };
  await Promise.all(Array.from({ length: callers }, (_, i) => submitInTurn(clients[i % clients.length]!)));
  const underWay = atDoomed.filter(({ answer, startedAt }) => answer === undefined && startedAt < killedAt);
  const answered = atDoomed.filter(({ answer }) => answer?.status === 202);
  console.log(`an API killed with ${underWay.length} submissions under way, after ${answered.length} answers`);
  expect(underWay.length).toBeGreaterThan(0);
  expect(answered.length).toBeGreaterThan(0);
  return calls;
}

export async function countJobs(redis: Redis): Promise<number> {
  const keys = await redis.keys('{audit-query}:queries:*');
  return keys.filter((key) => /:[0-9a-f]{32}$/.test(key)).length;
}

/** Judges that all who were accepted were told of one query, and that there is no other. */
export async function expectOneQuery({ redis: { client } }: Stage, calls: readonly Call[]): Promise<void> {
  const documents = calls.flatMap(({ answer }) => (answer?.status === 202 ? [answer.document!] : []));
  expect(new Set(documents.map(({ id, createdAt }) => `${id} ${createdAt}`)).size).toBe(1);
  expect(await countJobs(client)).toBe(1);
  const [{ id, createdAt }] = documents as [(typeof documents)[0]];
  expect(Number(await client.hget(`{audit-query}:queries:${id}`, 'timestamp'))).toBe(Date.parse(createdAt));
}
