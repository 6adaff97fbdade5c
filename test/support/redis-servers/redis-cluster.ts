import type { Redis } from 'ioredis';
import { pickAnyPort } from '../../../apps/local/src/ports';
import type { AuthorityFiles } from '../azure/share-test-authority';
import { waitUntil } from '../wait-until';
import { RedisProcess } from './redis-process';
import type { ReplicatedRedis } from './replicated-redis';

/** A key in the slot of all keys of the service. */
const KEY = '{audit-query}';

const PRIMARIES = 3;
const SLOTS = 16_384;
const LIMIT_MS = 60_000;

export interface RedisClusterOptions {
  /** One for each primary. */
  hasReplicas?: boolean;
  /** A server counts as lost after so long without an answer. */
  nodeTimeoutMs?: number;
  appendfsync?: 'always' | 'everysec';
  password?: string;
  tls?: AuthorityFiles;
  args?: readonly string[];
}

interface ClusterServer {
  redis: RedisProcess;
  busPort: number;
}

/** A cluster of three primaries, with or without a replica for each. */
export class RedisCluster implements ReplicatedRedis {
  primary: RedisProcess;

  private constructor(
    readonly servers: readonly RedisProcess[],
    private readonly options: RedisClusterOptions,
  ) {
    this.primary = servers[0]!;
  }

  static async start(options: RedisClusterOptions = {}): Promise<RedisCluster> {
    const count = PRIMARIES * (options.hasReplicas ? 2 : 1);
    const started = await Promise.all(Array.from({ length: count }, () => startServer(options)));
    const cluster = new RedisCluster(
      started.map(({ redis }) => redis),
      options,
    );
    await cluster.join(started);
    cluster.primary = await cluster.findHolder();
    return cluster;
  }

  get port(): number {
    return this.primary.port;
  }

  get client(): Redis {
    return this.primary.client;
  }

  /** `REDIS_URL` of the service; one server would suffice. */
  get url(): string {
    const { password, tls } = this.options;
    const hosts = this.servers.map(({ port }) => `127.0.0.1:${port}`).join(',');
    const user = password === undefined ? '' : `:${encodeURIComponent(password)}@`;
    return `${tls === undefined ? 'redis' : 'rediss'}+cluster://${user}${hosts}`;
  }

  /** According to the live servers. */
  private async findHolder(): Promise<RedisProcess> {
    for (const { client } of this.servers) {
      const slot = await client.cluster('KEYSLOT', KEY).catch(() => undefined);
      if (slot === undefined) continue;
      const ranges = await client.cluster('SLOTS');
      const [, , primary] = ranges.find(([from, to]) => from <= slot && slot <= to) ?? [];
      const holder = this.servers.find(({ port }) => port === primary?.[1]);
      if (holder !== undefined) return holder;
    }
    throw new Error(`no server has the slot of ${KEY}`);
  }

  async waitForFailover(): Promise<void> {
    const lost = this.primary;
    await waitUntil(
      'another primary',
      async () => {
        const holder = await this.findHolder().catch(() => lost);
        if (holder === lost || !(await holder.client.cluster('INFO')).includes('cluster_state:ok')) return false;
        this.primary = holder;
        return true;
      },
      (isThere) => isThere,
      LIMIT_MS,
    );
  }

  async readFiles(): Promise<Buffer> {
    return Buffer.concat(await Promise.all(this.servers.map((server) => server.readFiles())));
  }

  async stop(): Promise<void> {
    await Promise.all(this.servers.map((server) => server.stop()));
  }

  private async join(started: readonly ClusterServer[]): Promise<void> {
    const [first, ...others] = started;
    for (const { redis, busPort } of others) {
      await first!.redis.client.call('CLUSTER', 'MEET', '127.0.0.1', redis.port, busPort);
    }
    const share = Math.ceil(SLOTS / PRIMARIES);
    for (const [i, { client }] of this.servers.slice(0, PRIMARIES).entries()) {
      await client.call('CLUSTER', 'ADDSLOTSRANGE', i * share, Math.min((i + 1) * share, SLOTS) - 1);
    }
    const count = String(started.length);
    await this.waitForAll('all to know each other', (info) => info.includes(`cluster_known_nodes:${count}`));
    for (const [i, { client }] of this.servers.slice(PRIMARIES).entries()) {
      const primary = (await this.servers[i]!.client.call('CLUSTER', 'MYID')) as string;
      await waitUntil(
        'a replica to know its primary',
        () => client.call('CLUSTER', 'REPLICATE', primary).catch((error: Error) => error.message),
        (answer) => answer === 'OK',
        LIMIT_MS,
      );
    }
    await this.waitForAll('the cluster to be whole', (info) => info.includes('cluster_state:ok'));
    await this.waitForReplicas();
  }

  private async waitForReplicas(): Promise<void> {
    if (!this.options.hasReplicas) return;
    await waitUntil(
      'the replicas to be in sync',
      () => Promise.all(this.servers.slice(0, PRIMARIES).map(({ client }) => client.info('replication'))),
      (infos) => infos.every((info) => /^slave0:.*state=online/m.test(info)),
      LIMIT_MS,
    );
  }

  private async waitForAll(what: string, isReached: (info: string) => boolean): Promise<void> {
    await waitUntil(
      what,
      () => Promise.all(this.servers.map(({ client }) => client.cluster('INFO'))),
      (infos) => infos.every(isReached),
      LIMIT_MS,
    );
  }
}

async function startServer({
  nodeTimeoutMs = 2_000,
  hasReplicas: _,
  args = [],
  ...server
}: RedisClusterOptions): Promise<ClusterServer> {
  const busPort = await pickAnyPort();
  const cluster = ['--cluster-enabled', 'yes', '--cluster-port', String(busPort)];
  const times = ['--cluster-node-timeout', String(nodeTimeoutMs), '--repl-diskless-sync-delay', '0'];
  return { redis: await RedisProcess.create({ ...server, args: [...cluster, ...times, ...args] }), busPort };
}
