import { Cluster, type ClusterOptions, Redis, type RedisOptions, AbstractConnector } from 'ioredis';
import type { RedisClient } from './redis-client';
import { createRedisTls, parseRedisUrl, type RedisAddress, type RedisHost } from './redis-url';
import { watchRefusals } from './redis-outages';
import { connect as connectTcp } from 'node:net';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';

/** A bound for every single command, above the one that callers are promised an answer by. */
const REQUEST_TIMEOUT_MS = 1_500;

/**
 * Longer than BullMQ's own blocking reads, which are silent by design for up to ten seconds. A line that was forgotten on
 * its way is closed by nobody else for a quarter of an hour.
 */
const SILENCE_LIMIT_MS = 30_000;

/** The same where a server that is silent may have a successor: a machine that is gone closes no connection. */
const SILENCE_LIMITS_MS = { requests: 2 * REQUEST_TIMEOUT_MS, work: 15_000 };

/** After an outage everyone is back within this; ioredis' own default grows far beyond. */
const RECONNECT_LIMIT_MS = 1_000;

/** One that does not answer is passed over for the next; ioredis waits for ten seconds. */
const SENTINEL_LIMIT_MS = 1_500;

/** How long a server of a cluster that went silent, and so says nothing of its successor, is taken for the primary. */
const SLOTS_REFRESH_MS = 5_000;

/** Of a cluster's commands for workers: how soon one is tried again whose server is away. */
const AGAIN_AFTER_MS = 200;

/** A worker's connection holds an error reply back for this long: a loop that repeats what is refused tries four times a second. */
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

/** The same for a cluster, which would send a command again by itself, and later. */
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
 * For whoever has a caller waiting: fails at once while Redis is away and soon when it is silent.
 * Nothing is kept back for later, so that no job appears after its submitter was told that there is none.
 *
 * @param caFile See `createRedisTls`.
 * @throws RedisUrlInvalidError; what keeps the file from being read.
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
 * For workers: waits as long as Redis is away. Never with a command time-out, which would cut BullMQ's blocking reads.
 *
 * @param caFile As above.
 */
export function connectForWork(url: string, caFile?: string): RedisClient {
  const address = parseRedisUrl(url);
  return watchRefusals(connect(address, toWorkOptions(address), CLUSTER_WORK, caFile), REFUSAL_DELAY_MS);
}

/**
 * For a subscriber. A cluster hands each message to all its servers, so one line to any of them is enough: ioredis'
 * own subscriber of a cluster does not tell when it was away and has missed some.
 *
 * @param requests Knows where the servers of a cluster are at the moment.
 */
export function connectForMessages(url: string, requests: RedisClient, caFile?: string): Redis {
  const address = parseRedisUrl(url);
  // `QueryChanges` subscribes itself: nothing would handle a refusal of ioredis' own attempt, and the process would end.
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
      // Left to the connection: a certificate is for the name, not for what it stands for.
      dnsLookup: (name, callback) => callback(null, name),
      redisOptions: { ...secured, ...address.credentials },
    });
  }
  // A demoted primary says READONLY: the new one is behind the same address, or known to the sentinels.
  const again: RedisOptions = {
    retryStrategy: toDelayMs,
    reconnectOnError: (error) => error.message.startsWith('READONLY'),
  };
  if (address.kind === 'server') {
    const { hosts, db, family, credentials } = address;
    // Not by its URL: ioredis takes options from there in place of ours.
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
    // Not `failoverDetector`: what it closes while the connection is being made anew stays closed for good.
    sentinelRetryStrategy: toDelayMs,
    sentinelCommandTimeout: SENTINEL_LIMIT_MS,
    connectTimeout: SENTINEL_LIMIT_MS,
  };
}

/**
 * ioredis hears the first error of a connection alone. Over TLS there can be two, of a server that has another name and
 * whose connection is closed meanwhile, and an error that nobody hears ends the process.
 */
export function hearLateErrors<T extends RedisClient>(redis: T): T {
  if (redis instanceof Cluster) redis.on('+node', hearOne);
  else hearOne(redis);
  return redis;
}

function hearOne(redis: Redis): void {
  redis.on('error', () => {
    // None before the sentinels have told where to.
    const stream = redis.stream as typeof redis.stream | undefined;
    if (stream?.listenerCount('error') === 0) stream.on('error', () => {});
  });
}

/** What a connection that is being closed may take before it is cut; ioredis' own. */
const DISCONNECT_LIMIT_MS = 2_000;

/** Of ioredis' option `Connector`: goes to another of these servers with each attempt. */
export function createNodeConnector(listHosts: () => readonly RedisHost[], tls: ConnectionOptions | undefined) {
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
      // Where there is no route the error comes before ioredis listens, and would end the process; ioredis reads it from here.
      stream.once('error', (error: Error) => (this.firstError = error));
      return stream;
    }
  };
}
