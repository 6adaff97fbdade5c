import { describe, expect, it } from 'vitest';
import { type ServiceProcess, waitUntilReady } from '../support/service-processes';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy';
import { waitUntil } from '../support/wait-until';
import type { Call } from './harness/history';
import { onStage, WHOLE_RANGE } from './harness/on-stage';
import { RecordingClient } from './harness/recording-client';
import type { Stage } from './harness/stage';

const ONE_DAY = { start: '2021-10-03', end: '2021-10-03' };

/** What an API sends to Redis first for a submission under a key. */
const LOOK = ':limit:submissions:';

const SUBMISSIONS = 5;
const TURNS = 4;

/** The first caller, at one API alone. */
function callAt({ url }: ServiceProcess, { callers: [{ caller, key }], history }: Stage): RecordingClient {
  return new RecordingClient(caller, key, history, () => url);
}

/** Submits under five keys. @returns The calls, each of which has got as far as to ask Redis, over this line. */
async function beginSubmissions(line: TcpProxy, client: RecordingClient, name: string): Promise<Promise<Call>[]> {
  let onLook = () => {};
  line.onSent(LOOK, () => onLook());
  const calls: Promise<Call>[] = [];
  // One after the other: what is sent at once may be one piece.
  for (let i = 0; i < SUBMISSIONS; i += 1) {
    const looked = new Promise<void>((resolve) => (onLook = resolve));
    calls.push(client.submit(ONE_DAY, `${name}-${i}`));
    await looked;
  }
  return calls;
}

/** What submissions have been answered, in order. */
async function listStatuses(calls: Promise<Call>[]): Promise<(number | undefined)[]> {
  return (await Promise.all(calls)).map(({ answer }) => answer?.status);
}

/** An API, and its line to Redis, which has nothing else. */
interface LinedApi {
  api: ServiceProcess;
  line: TcpProxy;
}

/** With APIs that have lines of their own, which outlive them. */
async function onStageWithLines(test: (stage: Stage, addApi: () => Promise<LinedApi>) => Promise<void>): Promise<void> {
  const lines: TcpProxy[] = [];
  try {
    await onStage({ apis: 0, workers: 0 }, (stage) =>
      test(stage, async () => {
        const line = await startTcpProxy({ host: '127.0.0.1', port: stage.redis.port });
        lines.push(line);
        const api = await stage.addApi({ REDIS_URL: `redis://127.0.0.1:${line.port}` });
        await waitUntilReady(api);
        return { api, line };
      }),
    );
  } finally {
    await Promise.all(lines.map((line) => line.stop()));
  }
}

/** The other caller submits and terminates, again and again, at the API that serves at the moment. */
class SteadyCaller {
  /** By the URL of an API. */
  readonly underWay = new Map<string, number>();
  private isStopped = false;
  private readonly calling: Promise<void>;

  constructor(
    private readonly stage: Stage,
    private readonly findServing: () => ServiceProcess,
  ) {
    this.calling = this.call();
  }

  async stop(): Promise<void> {
    this.isStopped = true;
    await this.calling;
  }

  private async call(): Promise<void> {
    const {
      callers: [, { caller, key }],
      history,
    } = this.stage;
    while (!this.isStopped) {
      const { url } = this.findServing();
      const client = new RecordingClient(caller, key, history, () => url);
      this.underWay.set(url, 1);
      const { answer } = await client.submit(ONE_DAY);
      await client.terminate(answer?.document?.id ?? '');
      this.underWay.set(url, 0);
    }
  }
}

describe('fault 3: APIs are replaced one after the other, without a break', () => {
  it('answers all that each was asked, sends on whoever waits, and nobody else notices', () =>
    onStageWithLines(async (stage, addApi) => {
      const [{ key }, other] = stage.callers;
      let serving = await addApi();
      const steady = new SteadyCaller(stage, () => serving.api);
      const id = await callAt(serving.api, stage).submitUntilAccepted(WHOLE_RANGE);
      for (let turn = 0; turn < TURNS; turn += 1) {
        const { api, line } = serving;
        const waiting = await startWaiting(api, id, key);
        serving = await addApi();
        // As a load balancer does first: whoever calls as a connection is closed cannot be answered, in HTTP/1.1.
        await waitUntil(
          'calls to go to the next one',
          () => steady.underWay.get(api.url),
          (count) => count === 0,
        );
        line.holdFrom(LOOK);
        const submissions = await beginSubmissions(line, callAt(api, stage), `turn-${turn}`);
        const ending = stage.end(api);
        // By now it is going; what it was asked before is still to be answered.
        expect(await waiting.events).toMatch(/^retry: 3000\n\nevent: progress\n/);
        line.setMode('pass');
        expect(await waiting.poll).toMatchObject({ status: 200, connection: 'close' });
        expect(await listStatuses(submissions)).toEqual(Array.from({ length: SUBMISSIONS }, () => 202));
        await ending;
      }
      await steady.stop();
      const calls = stage.history.calls.filter(({ caller }) => caller === other.caller);
      expect(calls.filter(({ answer }) => answer?.status !== 202)).toEqual([]);
      expect(new Set(calls.map(({ api }) => api)).size).toBe(TURNS + 1);
      await stage.addWorker();
      expect((await stage.waitForEnd(id)).status).toBe('Completed');
    }));
});

/** How Redis goes, and submissions with it, under way where they can be. @returns Those. */
type Leave = (stage: Stage) => Promise<Promise<Call>[]>;

const AWAY: [name: string, leave: Leave][] = [
  [
    'killed as it is asked',
    async (stage) => {
      const { api: line } = stage.lines;
      line.holdFrom(LOOK);
      const submissions = await beginSubmissions(line, callAt(stage.apis[0]!, stage), 'one');
      await stage.redis.kill();
      return submissions;
    },
  ],
  [
    'killed long since',
    async (stage) => {
      const [api] = stage.apis;
      await stage.redis.kill();
      await waitUntil(
        'readiness to be lost',
        async () => (await fetch(`${api!.url}/health/ready`)).status,
        (status) => status === 503,
      );
      const calls = Array.from({ length: SUBMISSIONS }, (_, i) => callAt(api!, stage).submit(ONE_DAY, `one-${i}`));
      await Promise.all(calls);
      return calls;
    },
  ],
  [
    'silent',
    async (stage) => {
      stage.lines.api.setMode('silent');
      return beginSubmissions(stage.lines.api, callAt(stage.apis[0]!, stage), 'one');
    },
  ],
];

describe('fault 4: an API is told to go while its Redis is away', () => {
  it.each(AWAY)('goes in order, within its grace period, and leaves nobody without an answer (%s)', (name, leave) =>
    onStage({ redis: { appendfsync: 'always' }, workers: 0 }, async (stage) => {
      const [caller] = stage.callers;
      const [api] = stage.apis;
      const id = await caller.submitUntilAccepted(WHOLE_RANGE);
      const waiting = await startWaiting(api!, id, caller.key);
      const submissions = await leave(stage);
      await stage.end(api!);
      expect(stage.history.ends).toMatchObject([{ name: 'api', code: 0, isForced: false }]);
      console.log(`an API whose Redis was ${name}: gone after ${Math.round(stage.history.ends[0]!.tookMs)} ms`);
      expect(await waiting.events).toMatch(/^retry: 3000\n\nevent: progress\n/);
      expect(await waiting.poll).toMatchObject({ status: 200, connection: 'close' });
      expect(await listStatuses(submissions)).toEqual(Array.from({ length: SUBMISSIONS }, () => 503));
      stage.lines.api.setMode('pass');
      if (name !== 'silent') await stage.redis.start();
      await waitUntilReady(await stage.addApi());
      for (let i = 0; i < SUBMISSIONS; i += 1) await caller.submitUntilAccepted(ONE_DAY, `one-${i}`);
      await stage.addWorker();
      expect((await stage.waitForEnd(id)).status).toBe('Completed');
    }),
  );
});

/** Beyond any test's grace period: who waits so long is answered early. */
const WAIT_SECONDS = 50;

/** Of streams and of polls. */
const WAITING = /^audit_query_waiting_clients\{.*$/gm;

/** A long poll and a stream of events of one query at one API, both of which wait by now. */
interface WaitingClients {
  /** What the poll is answered, and all that it was sent; rejects where its connection breaks before. */
  poll: Promise<{ status: number; connection: string | null; body: string }>;
  /** All events, once the stream ends in order; rejects where it breaks. */
  events: Promise<string>;
}

/** Begins to wait for a query that lives. */
async function startWaiting(
  { url, operatorUrl }: ServiceProcess,
  id: string,
  key: string,
): Promise<WaitingClients> {
  const headers = { 'x-api-key': key };
  const ask = (path: string) => fetch(`${url}/api/queries/${id}${path}`, { headers });
  const poll = ask(`?wait=${WAIT_SECONDS}`).then(async (reply) => {
    const { status } = reply;
    return { status, connection: reply.headers.get('connection'), body: await reply.text() };
  });
  const events = ask('/events').then((reply) => reply.text());
  // Else one that fails before it is awaited would end the test's own process.
  for (const one of [poll, events]) one.catch(() => {});
  await waitUntil(
    'both to wait',
    async () => (await (await fetch(`${operatorUrl}/metrics`)).text()).match(WAITING),
    (counts) => counts?.every((count) => count.endsWith(' 1')) ?? false,
  );
  return { poll, events };
}
