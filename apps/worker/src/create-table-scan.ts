import { Logger } from '@nestjs/common';
import type { Redis } from 'ioredis';
import type { WorkerConfig } from '#shared/config/worker-config';
import type { RecordKeys } from '#shared/redis/record-keys';
import { RedisDaySets } from '#shared/redis/redis-day-sets';
import { DayScans } from './queries/day-scans';
import { createIdentifierHash } from './queries/identifier-hash';
import type { ExecutionPorts } from './queries/query-execution';
import { PageReader } from './table/page-reader';
import { ScanSlots } from './table/scan-slots';
import type { TableConnection } from './table/table-connection';
import { toTableFingerprint } from './table/table-fingerprint';

/** What needed secrets to be had. */
export interface OpenTable {
  connection: TableConnection;
  /** Keys the hashes of identification numbers. */
  hashKey: string;
}

/** Puts together what a query needs to read its days: the table, the hash, the day sets. */
export function createTableScan(
  config: WorkerConfig,
  redis: Redis,
  keys: RecordKeys,
  { connection, hashKey }: OpenTable,
): { pages: PageReader; ports: ExecutionPorts } {
  const logger = new Logger('DaySets');
  const pages = new PageReader(connection, new ScanSlots(config.scanConcurrency), {
    timeoutMs: config.pageTimeoutSeconds * 1_000,
    retryForMs: config.pageRetrySeconds * 1_000,
    allowInsecureConnection: config.nodeEnv !== 'production',
  });
  const hash = createIdentifierHash(hashKey);
  // An account's URL stays when its key is rotated.
  const { url, tableName } = connection.client;
  const daySets = new RedisDaySets(redis, keys, {
    tableFingerprint: toTableFingerprint(url, tableName, hashKey),
    ttlSeconds: config.daySetTtlSeconds,
    onFull: () => logger.warn('Redis is full: a day set was not stored and cannot be reused'),
  });
  const scans = new DayScans({ daySets, pages, hash });
  return {
    pages,
    ports: {
      daySets,
      // More than there are slots, so that all days come to their end together, and none is left to be read alone.
      daysAtOnce: 2 * config.scanConcurrency,
      scanDay: (...args) => scans.scan(...args),
    },
  };
}
