import { createHash, createHmac } from 'node:crypto';

/** Raised whenever a scan of the same table would give other identifiers: day sets and checkpoints of before are never read. */
const SCAN_VERSION = 2;

/**
 * Names the day sets of one table, hashed under one key, apart from all others: another table, another
 * account, another key has other names, so nothing is ever mixed up. Says nothing about the key.
 */
export function toTableFingerprint(url: string, tableName: string, hashKey: string): string {
  const keyId = createHmac('sha256', hashKey).update('day sets').digest('hex');
  return createHash('sha256')
    .update(JSON.stringify([SCAN_VERSION, url, tableName, keyId]))
    .digest('hex')
    .slice(0, 16);
}
