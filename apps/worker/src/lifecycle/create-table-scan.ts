import { createHash, createHmac } from 'node:crypto';
import { Logger } from '@nestjs/common';
import { findHashKeyProblem, toHashKeySource, describeSource } from '#shared/config/secret-sources';
import type { WorkerConfig } from '#shared/config/worker-config';
import type { RecordKeys } from '#shared/redis/record-keys';
import type { RedisClient } from '#shared/redis/redis-client';
import { RedisDaySets } from '#shared/redis/redis-day-sets';
import { SecretError, SecretErrorCode } from '#shared/secrets/secret-error';
import type { SecretReader } from '#shared/secrets/secret-reader';
import type { Metrics } from '#shared/process/metrics';
import { isTracing } from '#shared/process/tracing';
import { createIdentifierHash } from '../queries/identifier-hash';
import type { ExecutionPorts } from '../queries/query-execution';
import { SharedScans } from '../queries/shared-scans';
import { PageReader } from '../table/page-reader';
import { ScanSlots } from '../table/scan-slots';
import type { TableConnection } from '../table/table-connection';
import { PageSpans, traceDays } from '../telemetry/scan-spans';
import { TableMetrics } from '../telemetry/table-metrics';

/** The parts that need secrets. */
export interface OpenTable {
  connection: TableConnection;
  /** The secret key of the hashes of identification numbers. */
  hashKey: string;
}

/**
 * Raised whenever a scan of the same table stores other hashes: day sets and checkpoints of earlier versions are never
 * read. 2: a day is the keys that begin with it. 3: identifiers are hashed by keyed BLAKE3, before by SipHash.
 */
const SCAN_VERSION = 3;

/** A repeated event is logged again only after this long without it. */
const LOG_AGAIN_MS = 60_000;

/** Assembles the ports of the algorithm: the table, the hash, the day sets. */
export async function createTableScan(
  config: WorkerConfig,
  redis: RedisClient,
  keys: RecordKeys,
  { connection, hashKey }: OpenTable,
  metrics: Metrics,
): Promise<{ pages: PageReader; ports: ExecutionPorts }> {
  const logger = new Logger('DaySets');
  const slots = new ScanSlots(config.scanConcurrency);
  const tableMetrics = new TableMetrics(metrics, slots);
  const pageSpans = isTracing(config) ? new PageSpans() : undefined;
  const pages = new PageReader(connection, slots, {
    timeoutMs: config.pageTimeoutSeconds * 1_000,
    retryForMs: config.pageRetrySeconds * 1_000,
    allowInsecureConnection: config.nodeEnv !== 'production',
    observers: [tableMetrics, ...(pageSpans ? [pageSpans] : [])],
  });
  const hasRecently = createRecently(LOG_AGAIN_MS);
  const hash = await createIdentifierHash(hashKey);
  // The account's URL does not change when its key is rotated.
  const { url, tableName } = connection.client;
  const daySets = new RedisDaySets(redis, keys, {
    tableFingerprint: toTableFingerprint(url, tableName, hashKey),
    ttlSeconds: config.daySetTtlSeconds,
    onFull: (code) => {
      if (!hasRecently(code)) logger.warn({ code }, 'Redis does not store day sets; they cannot be reused');
    },
  });
  const measured = tableMetrics.measure(pages);
  const scans = new SharedScans({ daySets, pages: pageSpans?.trace(measured) ?? measured, hash });
  const scanDay: ExecutionPorts['scanDay'] = (...args) => scans.scan(...args);
  return {
    pages,
    ports: {
      daySets,
      // More than there are slots, so that the days end together and no day is left to be read alone.
      daysAtOnce: 2 * config.scanConcurrency,
      scanDay: isTracing(config) ? traceDays(scanDay) : scanDay,
    },
  };
}

/** Reads the configured hash key once and validates it. @throws SecretError */
export async function readHashKey(config: WorkerConfig, secrets: SecretReader, signal: AbortSignal): Promise<string> {
  const source = toHashKeySource(config);
  const key = await secrets.read(source, signal);
  const problem = findHashKeyProblem(key, config.nodeEnv);
  if (problem !== undefined) throw new SecretError(SecretErrorCode.Invalid, `${describeSource(source)} ${problem}`);
  return key;
}

/** Creates a function that records an event by name and returns whether the same event happened within `withinMs`. */
function createRecently(withinMs: number): (name: string) => boolean {
  const latest = new Map<string, number>();
  return (name) => {
    const before = latest.get(name) ?? -Infinity;
    latest.set(name, performance.now());
    return performance.now() - before < withinMs;
  };
}

/**
 * The part of a day set's name that differs between tables, accounts, hash keys and scan versions, so that day sets are
 * never mixed up. The key cannot be derived from it.
 */
function toTableFingerprint(url: string, tableName: string, hashKey: string): string {
  const keyId = createHmac('sha256', hashKey).update('day sets').digest('hex');
  return createHash('sha256')
    .update(JSON.stringify([SCAN_VERSION, url, tableName, keyId]))
    .digest('hex')
    .slice(0, 16);
}
