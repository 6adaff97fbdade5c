import { describe, expect, it } from 'vitest';
import { type ServiceProcess, waitUntilReady } from '../support/service-processes';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy';
import { waitUntil } from '../support/wait-until';
import type { Call } from './harness/history';
import { onStage, WHOLE_RANGE } from './harness/on-stage';
import { RecordingClient } from './harness/recording-client';
import type { Stage } from './harness/stage';

const ONE_DAY = { start: '2021-10-03', end: '2021-10-03' };

/** In the first command that an API sends to Redis for a submission under a key. */
const LOOK = ':limit:submissions:';

const SUBMISSIONS = 5;
const TURNS = 4;

/** The first caller, at one API. */
function callAt({ url }: ServiceProcess, { callers: [{ caller, key }], history }: Stage): RecordingClient {
  return new RecordingClient(caller, key, history, () => url);
}

/** Submits under five keys. @returns The calls, after the API has sent a command of each to Redis through the proxy. */
async function beginSubmissions(proxy: TcpProxy, client: RecordingClient, name: string): Promise<Promise<Call>[]> {
  let onLook = () => {};
  proxy.onSent(LOOK, () => onLook());
  const calls: Promise<Call>[] = [];
  // One after the other: concurrent commands may arrive as one chunk.
  for (let i = 0; i < SUBMISSIONS; i += 1) {
    const looked = new Promise<void>((resolve) => (onLook = resolve));
    calls.push(client.submit(ONE_DAY, `${name}-${i}`));
    await looked;
  }
  return calls;
}

/** The statuses of the answers, in order. */
async function listStatuses(calls: Promise<Call>[]): Promise<(number | undefined)[]> {
  return (await Promise.all(calls)).map(({ answer }) => answer?.status);
}

/** An API with a proxy of its own to Redis. */
interface ProxiedApi {
  api: ServiceProcess;
  proxy: TcpProxy;
}

/** The APIs have proxies of their own, which stop after them. */
async function onStageWithProxies(
  test: (stage: Stage, addApi: () => Promise<ProxiedApi>) => Promise<void>,
): Promise<void> {
  const proxies: TcpProxy[] = [];
  try {
    await onStage({ apis: 0, workers: 0 }, (stage) =>
      test(stage, async () => {
        const proxy = await startTcpProxy({ host: '127.0.0.1', port: stage.redis.port });
        proxies.push(proxy);
        const api = await stage.addApi({ REDIS_URL: `redis://127.0.0.1:${proxy.port}` });
        await waitUntilReady(api);
        return { api, proxy };
      }),
    );
  } finally {
    await Promise.all(proxies.map((proxy) => proxy.stop()));
  }
}

/** The other caller submits and terminates, again and again, at the API that serves now. */
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
  it('each answers its requests and ends its long polls and streams, and no other caller notices', () =>
    onStageWithProxies(async (stage, addApi) => {
      const [{ key }, other] = stage.callers;
      let serving = await addApi();
      const steady = new SteadyCaller(stage, () => serving.api);
      const id = await callAt(serving.api, stage).submitUntilAccepted(WHOLE_RANGE);
      for (let turn = 0; turn < TURNS; turn += 1) {
        const { api, proxy } = serving;
        const waiting = await startWaiting(api, id, key);
        serving = await addApi();
        // Like a load balancer: HTTP/1.1 cannot answer a call on a connection that is being closed.
        await waitUntil(
          'calls to go to the next API',
          () => steady.underWay.get(api.url),
          (count) => count === 0,
        );
        proxy.holdFrom(LOOK);
        const submissions = await beginSubmissions(proxy, callAt(api, stage), `turn-${turn}`);
        const ending = stage.end(api);
        // It is shutting down; it must still answer its earlier requests.
        expect(await waiting.events).toMatch(/^retry: 3000\n\nevent: progress\n/);
        proxy.setMode('pass');
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

/** How Redis becomes unreachable. @returns The submissions in flight, if any. */
type Leave = (stage: Stage) => Promise<Promise<Call>[]>;

const AWAY: [name: string, leave: Leave][] = [
  [
    'killed during submissions',
    async (stage) => {
      const { api: proxy } = stage.proxies;
      proxy.holdFrom(LOOK);
      const submissions = await beginSubmissions(proxy, callAt(stage.apis[0]!, stage), 'one');
      await stage.redis.kill();
      return submissions;
    },
  ],
  [
    'killed before',
    async (stage) => {
      const [api] = stage.apis;
      await stage.redis.kill();
      await waitUntil(
        'the API not to be ready',
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
      stage.proxies.api.setMode('silent');
      return beginSubmissions(stage.proxies.api, callAt(stage.apis[0]!, stage), 'one');
    },
  ],
];

describe('fault 4: an API gets SIGTERM while Redis is unreachable', () => {
  it.each(AWAY)('exits in order, within its grace period, and answers every request (%s)', (name, leave) =>
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
      stage.proxies.api.setMode('pass');
      if (name !== 'silent') await stage.redis.start();
      await waitUntilReady(await stage.addApi());
      for (let i = 0; i < SUBMISSIONS; i += 1) await caller.submitUntilAccepted(ONE_DAY, `one-${i}`);
      await stage.addWorker();
      expect((await stage.waitForEnd(id)).status).toBe('Completed');
    }),
  );
});

/** Above every grace period of these tests, so that the shutdown ends the wait. */
const WAIT_SECONDS = 50;

/** The metric of streams and of long polls. */
const WAITING = /^audit_query_waiting_clients\{.*$/gm;

/** A long poll and an event stream of one query at one API, both waiting. */
interface WaitingClients {
  /** The answer of the poll; rejects if its connection breaks before. */
  poll: Promise<{ status: number; connection: string | null; body: string }>;
  /** All events, when the stream ends in order; rejects if it breaks. */
  events: Promise<string>;
}

/** Starts a long poll and an event stream of a live query. */
async function startWaiting({ url, operatorUrl }: ServiceProcess, id: string, key: string): Promise<WaitingClients> {
  const headers = { 'x-api-key': key };
  const ask = (path: string) => fetch(`${url}/api/queries/${id}${path}`, { headers });
  const poll = ask(`?wait=${WAIT_SECONDS}`).then(async (reply) => {
    const { status } = reply;
    return { status, connection: reply.headers.get('connection'), body: await reply.text() };
  });
  const events = ask('/events').then((reply) => reply.text());
  // A rejection before the first await would end the test's process.
  for (const one of [poll, events]) one.catch(() => {});
  await waitUntil(
    'both to wait',
    async () => (await (await fetch(`${operatorUrl}/metrics`)).text()).match(WAITING),
    (counts) => counts?.every((count) => count.endsWith(' 1')) ?? false,
  );
  return { poll, events };
}
