import { Cluster, type ClusterOptions, Redis, type RedisOptions, AbstractConnector } from 'ioredis';
import type { RedisClient } from './redis-client';
import { createRedisTls, parseRedisUrl, type RedisAddress, type RedisHost } from './redis-url';
import { watchRefusals } from './redis-outages';
import { connect as connectTcp } from 'node:net';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';

/** The timeout of each command. Requests of callers have a shorter one of their own. */
const REQUEST_TIMEOUT_MS = 1_500;

/**
 * Longer than BullMQ's blocking reads, which are silent by design for up to ten seconds. Without it, a connection that a
 * router has dropped stays open for a quarter of an hour.
 */
const SILENCE_LIMIT_MS = 30_000;

/** The same where a silent server may have been replaced: a machine that died closes no connection. */
const SILENCE_LIMITS_MS = { requests: 2 * REQUEST_TIMEOUT_MS, work: 15_000 };

/** The longest delay between attempts to reconnect; the default of ioredis grows far beyond. */
const RECONNECT_LIMIT_MS = 1_000;

/** A sentinel that does not answer within this is skipped; the default of ioredis is ten seconds. */
const SENTINEL_LIMIT_MS = 1_500;

/** How long a cluster's silent server, which cannot name its successor, is still taken for the primary. */
const SLOTS_REFRESH_MS = 5_000;

/** How soon a worker's command is retried when its server of the cluster is unreachable. */
const AGAIN_AFTER_MS = 200;

/** A worker's connection delays each error reply by this: a loop that repeats a refused command runs four times a second. */
const REFUSAL_DELAY_MS = 250;

const toDelayMs = (attempt: number) => Math.min(attempt * 50, RECONNECT_LIMIT_MS);

const REQUESTS: RedisOptions = {
  keepAlive: 10_000,
  commandTimeout: REQUEST_TIMEOUT_MS,
  connectTimeout: REQUEST_TIMEOUT_MS,
  enableOfflineQueue: false,
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: 1,
};

/** The same for a cluster, which by default resends a failed command later. */
const CLUSTER_REQUESTS: ClusterOptions = {
  enableOfflineQueue: false,
  retryDelayOnFailover: 0,
  retryDelayOnClusterDown: 0,
};

const CLUSTER_WORK: ClusterOptions = {
  retryDelayOnFailover: AGAIN_AFTER_MS,
  retryDelayOnClusterDown: AGAIN_AFTER_MS,
  maxRedirections: Infinity,
};

/**
 * The connection of the API: a command fails at once while Redis is unreachable, and soon when it is silent.
 * No command is queued or resent, so that no job appears after its submission was answered with an error.
 *
 * @param caFile See `createRedisTls`.
 * @throws RedisUrlInvalidError; the error of the file system when `caFile` cannot be read.
 */
export function connectForRequests(url: string, caFile?: string): RedisClient {
  const address = parseRedisUrl(url);
  const socketTimeout = address.kind === 'server' ? SILENCE_LIMIT_MS : SILENCE_LIMITS_MS.requests;
  const redis = watchRefusals(connect(address, { ...REQUESTS, socketTimeout }, CLUSTER_REQUESTS, caFile), 0);
  if (redis instanceof Redis) return redis;
  // Without this the first request opens the connection to a server, and commands beside it fail as offline.
  return redis.on('+node', (node: Redis) => {
    if (!node.options.readOnly) node.connect().catch(() => {});
  });
}

/**
 * The connection of workers: a command waits while Redis is unreachable. It has no timeout, which would cut BullMQ's blocking reads.
 *
 * @param caFile See `createRedisTls`.
 */
export function connectForWork(url: string, caFile?: string): RedisClient {
  const address = parseRedisUrl(url);
  return watchRefusals(connect(address, toWorkOptions(address), CLUSTER_WORK, caFile), REFUSAL_DELAY_MS);
}

/**
 * The connection of a subscriber. A cluster sends each message to all its servers, so one connection to any of them is
 * enough: ioredis' own subscriber of a cluster does not report that it reconnected and may have missed messages.
 *
 * @param requests Knows the present addresses of a cluster's servers.
 */
export function connectForMessages(url: string, requests: RedisClient, caFile?: string): Redis {
  const address = parseRedisUrl(url);
  // `QueryChanges` subscribes itself: an unhandled refusal of ioredis' own attempt would end the process.
  const subscriberOptions: RedisOptions = { ...toWorkOptions(address), autoResubscribe: false };
  if (address.kind !== 'cluster') {
    return watchRefusals(connect(address, subscriberOptions, {}, caFile) as Redis, REFUSAL_DELAY_MS);
  }
  const listHosts = () => {
    const known = requests instanceof Cluster ? requests.nodes().map(({ options }) => options) : [];
    const hosts = known.flatMap(({ host, port }) => (host && port ? [{ host, port }] : []));
    return hosts.length > 0 ? hosts : address.hosts;
  };
  const Connector = createNodeConnector(listHosts, createRedisTls(address, caFile));
  const options = { ...subscriberOptions, ...address.credentials, retryStrategy: toDelayMs, Connector };
  return watchRefusals(hearLateErrors(new Redis(options)), REFUSAL_DELAY_MS);
}

function connect(...args: Parameters<typeof createClient>): RedisClient {
  return hearLateErrors(createClient(...args));
}

function createClient(
  address: RedisAddress,
  options: RedisOptions,
  cluster: ClusterOptions,
  caFile?: string,
): RedisClient {
  const tls = createRedisTls(address, caFile);
  const secured = { ...options, ...(tls && { tls }) };
  if (address.kind === 'cluster') {
    return new Cluster([...address.hosts], {
      ...cluster,
      clusterRetryStrategy: toDelayMs,
      slotsRefreshInterval: SLOTS_REFRESH_MS,
      // The connection resolves the name: a certificate is for the name, not for its address.
      dnsLookup: (name, callback) => callback(null, name),
      redisOptions: { ...secured, ...address.credentials },
    });
  }
  // A demoted primary replies READONLY: the new one has the same address, or the sentinels know it.
  const again: RedisOptions = {
    retryStrategy: toDelayMs,
    reconnectOnError: (error) => error.message.startsWith('READONLY'),
  };
  if (address.kind === 'server') {
    const { hosts, db, family, credentials } = address;
    // Not by its URL: ioredis lets the URL's parameters override these options.
    return new Redis({ ...secured, ...again, ...hosts[0], ...credentials, db, ...(family && { family }) });
  }
  return new Redis({ ...secured, ...again, ...toSentinelOptions(address), ...(tls && { sentinelTLS: tls }) });
}

function toWorkOptions({ kind }: RedisAddress): RedisOptions {
  const socketTimeout = kind === 'server' ? SILENCE_LIMIT_MS : SILENCE_LIMITS_MS.work;
  return { keepAlive: 10_000, maxRetriesPerRequest: null, socketTimeout };
}

function toSentinelOptions(address: Extract<RedisAddress, { kind: 'sentinel' }>): RedisOptions {
  const { username, password } = address.sentinelCredentials;
  return {
    ...address.credentials,
    ...(username === undefined ? {} : { sentinelUsername: username }),
    ...(password === undefined ? {} : { sentinelPassword: password }),
    ...{ sentinels: [...address.hosts], name: address.masterName, db: address.db },
    enableTLSForSentinelMode: address.isTls,
    // Not `failoverDetector`: a connection that it closes during a reconnect stays closed for good.
    sentinelRetryStrategy: toDelayMs,
    sentinelCommandTimeout: SENTINEL_LIMIT_MS,
    connectTimeout: SENTINEL_LIMIT_MS,
  };
}

/**
 * ioredis handles only the first error of a connection. Over TLS a server with a wrong name, whose connection closes at the
 * same time, emits two, and an unhandled one ends the process.
 */
function hearLateErrors<T extends RedisClient>(redis: T): T {
  if (redis instanceof Cluster) redis.on('+node', hearOne);
  else hearOne(redis);
  return redis;
}

function hearOne(redis: Redis): void {
  redis.on('error', () => {
    // There is no stream before the sentinels have named the server.
    const stream = redis.stream as typeof redis.stream | undefined;
    if (stream?.listenerCount('error') === 0) stream.on('error', () => {});
  });
}

/** How long a connection may take to close before it is cut; the default of ioredis. */
const DISCONNECT_LIMIT_MS = 2_000;

/** For ioredis' option `Connector`: connects to the next of these servers with each attempt. */
function createNodeConnector(listHosts: () => readonly RedisHost[], tls: ConnectionOptions | undefined) {
  let turn = Math.floor(Math.random() * listHosts().length);
  return class NodeConnector extends AbstractConnector {
    constructor() {
      super(DISCONNECT_LIMIT_MS);
    }

    override async connect() {
      const hosts = listHosts();
      const place = hosts[turn++ % hosts.length];
      this.connecting = true;
      const stream = tls ? connectTls({ ...place, ...tls }) : connectTcp({ port: 0, ...place });
      this.stream = stream;
      // Without a route the error is emitted before ioredis listens, and would end the process; ioredis reads `firstError`.
      stream.once('error', (error: Error) => (this.firstError = error));
      return stream;
    }
  };
}
