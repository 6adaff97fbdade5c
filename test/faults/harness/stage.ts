import { randomBytes } from 'node:crypto';
import type { Redis } from 'ioredis';
import type { ApiKeyFile } from '../../support/api-key-file';
import { type ServiceProcess, startApi, startWorker } from '../../support/service-processes';
import { toConnectionString } from '../../support/table-double/start-table-double';
import type { RemoteTableDouble } from '../../support/table-double/start-table-double-process';
import type { TcpProxy } from '../../support/tcp-proxy';
import { waitUntil } from '../../support/wait-until';
import { type History, isOver, listAccepted, type Loss, now, type QueryDocument } from './history';
import { profile, PROFILE_ENV } from './profile';
import { RecordingClient } from './recording-client';
import { type RedisProcess, SERVICE_USER } from '../../support/redis-servers/redis-process';

/** The log entry of a process whose grace period ran out. */
const FORCED = 'the process did not end within its grace period';

/** So many lines contain the error of a process that ended without a signal. */
const LAST_LINES = 5;

/** The last queries, which other callers try to read and terminate. */
const OTHERS = 5;

/** The Redis of a stage. */
export interface StageRedis {
  /** The target of the stage's proxies. */
  readonly port: number;
  /** `REDIS_URL` of the processes, if they do not connect through the proxies. */
  readonly url?: string;
  /** Password of the user `service`; absent: the processes use the default user. */
  readonly servicePassword?: string;
  /** Connected to the server that has the records now. */
  client: Redis;
  /** Grows at each kill; absent if the Redis keeps acknowledged writes, or if the test causes the loss itself. */
  readonly losses?: Loss[];
  readFiles(): Promise<Buffer>;
  stop(): Promise<void>;
}

/** The whole service on one machine, with a proxy on every connection between its parts. */
export class Stage<R extends StageRedis = RedisProcess> {
  readonly history: History;
  readonly apis: ServiceProcess[] = [];
  readonly workers: ServiceProcess[] = [];
  readonly callers: [RecordingClient, RecordingClient];
  /** Texts that I7 looks for; a test adds the secrets that it creates. */
  readonly secrets: string[];
  private readonly ended = new Map<ServiceProcess, Promise<unknown>>();
  private turn = 0;

  constructor(
    readonly redis: R,
    readonly double: RemoteTableDouble,
    /** Between the APIs and Redis, the workers and Redis, the workers and the table. */
    readonly proxies: { api: TcpProxy; worker: TcpProxy; table: TcpProxy },
    private readonly keyFile: ApiKeyFile,
    keys: [string, string],
    private readonly tableKey: string,
    private readonly env: Record<string, string>,
  ) {
    this.history = { calls: [], ends: [], blindnesses: [], losses: redis.losses ?? [], silences: [], starts: [] };
    const hashKey = randomBytes(32).toString('hex');
    this.env = { ...PROFILE_ENV, SCAN_CONCURRENCY: '2', IDENTIFIER_HASH_KEY: hashKey, ...env };
    const { servicePassword } = redis;
    this.secrets = [...keys, tableKey, hashKey, ...(servicePassword === undefined ? [] : [servicePassword])];
    const nextUrl = () => this.nextApi().url;
    this.callers = [
      new RecordingClient('key:reporting', keys[0], this.history, nextUrl),
      new RecordingClient('key:billing', keys[1], this.history, nextUrl),
    ];
  }

  async addApi(env: Record<string, string> = {}): Promise<ServiceProcess> {
    const redisUrl = this.redisUrl(this.proxies.api);
    const api = await startApi({ ...this.env, ...this.keyFile.env, REDIS_URL: redisUrl, ...env });
    this.apis.push(api);
    this.history.starts.push(now());
    return api;
  }

  async addWorker(env: Record<string, string> = {}): Promise<ServiceProcess> {
    const worker = await startWorker({
      ...this.env,
      REDIS_URL: this.redisUrl(this.proxies.worker),
      TABLE_CONNECTION_STRING: this.connectionString(this.proxies.table.port),
      ...env,
    });
    this.workers.push(worker);
    this.history.starts.push(now());
    return worker;
  }

  connectionString(port: number): string {
    return toConnectionString(port, this.tableKey);
  }

  isGone(process: ServiceProcess): boolean {
    return this.ended.has(process) || hasExited(process);
  }

  /** Ends a process and records how. Does nothing if the process has already ended. */
  end(process: ServiceProcess, signal: NodeJS.Signals = 'SIGTERM'): Promise<unknown> {
    if (hasExited(process)) return Promise.resolve();
    const begun = now();
    const ending = process.end(signal).then((code) => {
      const isKilled = signal === 'SIGKILL' && code === signal;
      const at = now();
      if (isKilled) this.history.silences.push({ api: process.url, from: begun, to: at });
      const isForced = process.output().includes(FORCED);
      const name = this.nameOf(process);
      this.history.ends.push({ name, code: isKilled ? 0 : code, tookMs: at - begun, at, isForced });
    });
    this.ended.set(process, ending);
    return ending;
  }

  /** Records the duration of `during` as a blindness: workers cannot learn that their queries ended. */
  async blind(during: () => Promise<unknown>): Promise<void> {
    const blindness = { from: now(), to: Infinity };
    this.history.blindnesses.push(blindness);
    await during();
    blindness.to = now();
  }

  /** Records the duration of `during` as a silence: the API cannot answer in time. */
  async silence({ url }: ServiceProcess, during: () => Promise<unknown>): Promise<void> {
    const silence = { api: url, from: now(), to: Infinity };
    this.history.silences.push(silence);
    await during();
    silence.to = now();
  }

  async waitFor(
    id: string,
    what: string,
    isReached: (document: QueryDocument) => boolean,
    limitMs = profile.settleMs,
  ): Promise<QueryDocument> {
    const [owner] = this.callers.filter(({ caller }) => caller === listAccepted(this.history).get(id)?.caller);
    const read = async () => (await (owner ?? this.callers[0]).read(id)).answer?.document;
    const isThere = (document: QueryDocument | undefined) => document !== undefined && isReached(document);
    return (await waitUntil(what, read, isThere, limitMs)) as QueryDocument;
  }

  waitForEnd(id: string): Promise<QueryDocument> {
    return this.waitFor(id, `the end of ${id}`, isOver);
  }

  /** Pages that the double has answered since its last reset. */
  async pagesServed(): Promise<number> {
    return (await this.double.requests()).filter(({ status, end }) => status === 200 && end === 'answered').length;
  }

  async waitForPages(count: number): Promise<void> {
    await waitUntil(
      `${count} pages`,
      () => this.pagesServed(),
      (pages) => pages >= count,
      profile.settleMs,
    );
  }

  /** Waits until every accepted query has ended, or is unknown if losses are allowed. */
  async settle(mayBeLost = this.history.losses.length > 0): Promise<void> {
    for (const [id, { caller }] of listAccepted(this.history)) {
      const owner = this.callers.find((client) => client.caller === caller) ?? this.callers[0];
      await waitUntil(
        `the end of ${id}`,
        async () => (await owner.read(id)).answer,
        (answer) => (answer?.document && isOver(answer.document)) || (mayBeLost && answer?.status === 404) || false,
        profile.settleMs,
      );
    }
  }

  /** Each caller tries to read and terminate queries of the other one; the rules apply to these calls too. */
  async askForOthers(): Promise<void> {
    for (const [id, { caller }] of [...listAccepted(this.history)].slice(-OTHERS)) {
      for (const other of this.callers.filter((client) => client.caller !== caller)) {
        for (const ask of ['read', 'result', 'terminate'] as const) await other[ask](id);
        await other.list();
      }
    }
  }

  /** Waits until the queue is empty, also of refused submissions and of queries terminated before their start. */
  async waitUntilIdle(): Promise<void> {
    if (this.workers.every((worker) => this.isGone(worker))) return;
    const queue = '{audit-query}:queries';
    // In one transaction: otherwise a job that moves between the lists could be missed.
    const countJobs = async () => {
      const lengths = await this.redis.client.multi().llen(`${queue}:wait`).llen(`${queue}:active`).exec();
      return (lengths ?? []).reduce((sum, [, length]) => sum + Number(length), 0);
    };
    await waitUntil('the queue to be empty', countJobs, (jobs) => jobs === 0, profile.settleMs);
  }

  /** Ends all processes that still run. */
  async endAll(): Promise<void> {
    const running = [...this.apis, ...this.workers].filter((process) => !this.ended.has(process));
    await Promise.all(running.map((process) => (hasExited(process) ? this.noteCrash(process) : this.end(process))));
    await Promise.all(this.ended.values());
  }

  async tearDown(): Promise<void> {
    for (const process of [...this.apis, ...this.workers]) await process.end('SIGKILL');
    const { api, worker, table } = this.proxies;
    await Promise.all([api, worker, table].map((proxy) => proxy.stop()));
    await Promise.all([this.redis.stop(), this.double.stop(), this.keyFile.remove()]);
  }

  private async noteCrash(process: ServiceProcess): Promise<void> {
    const code = await process.end();
    const lastOutput = process.output().trimEnd().split('\n').slice(-LAST_LINES).join('\n');
    this.history.ends.push({ name: this.nameOf(process), code, tookMs: 0, at: now(), lastOutput });
  }

  private nameOf(process: ServiceProcess): string {
    return this.apis.includes(process) ? 'api' : 'worker';
  }

  private redisUrl({ port }: TcpProxy): string {
    const { url, servicePassword } = this.redis;
    const user = servicePassword === undefined ? '' : `${SERVICE_USER}:${servicePassword}@`;
    return url ?? `redis://${user}127.0.0.1:${port}`;
  }

  private nextApi(): ServiceProcess {
    const living = this.apis.filter((api) => !this.isGone(api));
    const api = living[this.turn++ % living.length] ?? this.apis[0];
    if (api === undefined) throw new Error('there is no API');
    return api;
  }
}

function hasExited({ child }: ServiceProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}
