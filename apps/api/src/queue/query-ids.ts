import { createHash, randomFillSync } from 'node:crypto';
import { isQueryId } from '#shared/contract/query-id';

const ID_BYTES = 16;

/** Filled for many ids at once, as the system's call costs the same for one; each byte is used once. */
const random = { bytes: Buffer.alloc(ID_BYTES * 256), used: Infinity };

/** 128 bits from a cryptographic source: nobody comes upon the id of another's query. */
export function newQueryId(): string {
  if (random.used >= random.bytes.length) {
    randomFillSync(random.bytes);
    random.used = 0;
  }
  const id = random.bytes.toString('hex', random.used, random.used + ID_BYTES);
  random.used += ID_BYTES;
  return isQueryId(id) ? id : newQueryId();
}

/** The same for the same caller and key, and nobody else's. */
export function deriveQueryId(caller: string, key: string): string {
  const id = createHash('sha256')
    .update(JSON.stringify([caller, key]))
    .digest('hex')
    .slice(0, 32);
  // One in three million is all decimal, which is not an id.
  return isQueryId(id) ? id : `${id.slice(0, 31)}a`;
}
