import { createHash, randomBytes } from 'node:crypto';
import { isQueryId } from '#shared/contract/query-id';

/** 128 bits from a cryptographic source: no caller can guess the id of another's query. */
export function createQueryId(): string {
  const id = randomBytes(16).toString('hex');
  return isQueryId(id) ? id : createQueryId();
}

/** Returns the same id for the same caller and key, and another for any other pair. */
export function deriveQueryId(caller: string, key: string): string {
  const id = createHash('sha256')
    .update(JSON.stringify([caller, key]))
    .digest('hex')
    .slice(0, 32);
  // One in three million is all decimal, which BullMQ would take for an id of its own.
  return isQueryId(id) ? id : `${id.slice(0, 31)}a`;
}
