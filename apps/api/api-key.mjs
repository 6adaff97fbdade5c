import { createHash, randomBytes } from 'node:crypto';

/** A new key of a caller or operator, and its entry in a list of keys, which gives nothing of the key away. */
export function createApiKey(caller) {
  // The prefix lets people and scanners of leaked secrets recognise it.
  const key = `aq_${randomBytes(32).toString('base64url')}`;
  return { key, entry: { caller, sha256: createHash('sha256').update(key).digest('hex') } };
}
