import type { Redis } from 'ioredis';
import type { AuthorityFiles } from '../azure/share-test-authority';
import { waitUntil } from '../wait-until';
import { RedisProcess } from './redis-process';
import type { ReplicatedRedis } from './replicated-redis';
import { SentinelProcess } from './sentinel-process';

const NAME = 'audit-primary';
const SENTINELS = 3;
const LIMIT_MS = 60_000;

export interface WatchedRedisOptions {
  downAfterMs?: number;
  appendfsync?: 'always' | 'everysec';
  password?: string;
  sentinelPassword?: string;
  tls?: AuthorityFiles;
  /** For both servers. */
  args?: readonly string[];
}

/** A primary, its replica and three sentinels. */
export class WatchedRedis implements ReplicatedRedis {
  primary: RedisProcess;

  private constructor(
    readonly servers: readonly [RedisProcess, RedisProcess],
    private readonly sentinels: readonly SentinelProcess[],
    private readonly options: WatchedRedisOptions,
  ) {
    this.primary = servers[0];
  }

  static async start(options: WatchedRedisOptions = {}): Promise<WatchedRedis> {
    const { downAfterMs = 1_000, args = [], sentinelPassword, ...server } = options;
    const sync = ['--repl-diskless-sync-delay', '0', ...args];
    const primary = await RedisProcess.create({ ...server, args: sync });
    const replication = ['--replicaof', '127.0.0.1', String(primary.port)];
    const replica = await RedisProcess.create({ ...server, args: [...sync, ...replication] });
    const watching = {
      ...{ name: NAME, primaryPort: primary.port, downAfterMs },
      ...(server.password === undefined ? {} : { password: server.password }),
      ...(sentinelPassword === undefined ? {} : { sentinelPassword }),
      tls: server.tls,
    };
    const sentinels = await Promise.all(Array.from({ length: SENTINELS }, () => SentinelProcess.start(watching)));
    const watched = new WatchedRedis([primary, replica], sentinels, options);
    await watched.waitUntilWhole();
    return watched;
  }

  /** `REDIS_URL` of the service. */
  get url(): string {
    const { password, sentinelPassword, tls } = this.options;
    const hosts = this.sentinels.map(({ port }) => `127.0.0.1:${port}`).join(',');
    const user = password === undefined ? '' : `:${encodeURIComponent(password)}@`;
    const query = sentinelPassword === undefined ? '' : `?sentinel_password=${encodeURIComponent(sentinelPassword)}`;
    return `${tls === undefined ? 'redis' : 'rediss'}+sentinel://${user}${hosts}/${NAME}${query}`;
  }

  get port(): number {
    return this.primary.port;
  }

  get client(): Redis {
    return this.primary.client;
  }

  /** Resolves when a lost primary would be replaced: all servers know each other, and the replica is in sync. */
  async waitUntilWhole(): Promise<void> {
    const views = () => Promise.all(this.sentinels.map((sentinel) => sentinel.readView(NAME)));
    await waitUntil(
      'the sentinels to know each other and the replica',
      views,
      (all) =>
        all.every(
          ({ sentinels, replicas, flags }) => sentinels === SENTINELS - 1 && replicas === 1 && flags === 'master',
        ),
      LIMIT_MS,
    );
    await waitUntil(
      'the replica to be in sync',
      () => this.client.info('replication'),
      (info) => /^slave0:.*state=online/m.test(info),
      LIMIT_MS,
    );
  }

  /** Resolves when the sentinels name another primary, and its role is master. */
  async waitForFailover(): Promise<void> {
    const lost = this.primary;
    const successor = this.servers.find((server) => server !== lost) ?? lost;
    await waitUntil(
      'another primary',
      async () => {
        const ports = await Promise.all(this.sentinels.map(async (sentinel) => (await sentinel.readView(NAME)).port));
        const info = await successor.client.info('replication').catch(() => '');
        return ports.every((port) => port === successor.port) && info.includes('role:master');
      },
      (isThere) => isThere,
      LIMIT_MS,
    );
    this.primary = successor;
  }

  async readFiles(): Promise<Buffer> {
    return Buffer.concat(await Promise.all(this.servers.map((server) => server.readFiles())));
  }

  async stop(): Promise<void> {
    await Promise.all([...this.sentinels, ...this.servers].map((process) => process.stop()));
  }
}
