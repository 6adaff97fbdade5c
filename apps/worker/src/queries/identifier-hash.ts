import { hkdfSync } from 'node:crypto';
import { createBLAKE3 } from 'hash-wasm';

/** @returns The 16 bytes of the hash, in an array of their own. */
export type IdentifierHash = (identifier: string) => Uint8Array;

const HASH_BITS = 128;
/** The length that BLAKE3 requires. */
const KEY_BYTES = 32;
/** Separates the derived key from others that the same secret may serve. */
const KEY_LABEL = 'audit-query identifier hash 2: keyed BLAKE3, 128 bits, UTF-16LE';

/**
 * Creates the hash under which identification numbers are stored: keyed BLAKE3 with 128 bits of output.
 *
 * - It has a key because the numbers are few: any hash without one is reversed within minutes, by hashing all numbers of
 *   nine digits. Without the key, no number can be tested against a stored set.
 * - Keyed BLAKE3 is specified as a pseudo-random function with 128 bits of security; a short output is a prefix of a
 *   longer one. The code is hash-wasm's, which the spec checks against the published vectors.
 * - 128 bits: among 20 million numbers, two share a hash with a probability below 1e-24.
 * - HMAC-SHA-256 of `node:crypto`, cut to 128 bits, would protect the numbers as well. It takes four to five times as
 *   long (`npm run bench:hash`), which is more than all other work on an entity (case 4 of docs/figures.md).
 * - The text is hashed as UTF-16LE, which keeps all JavaScript strings apart. UTF-8 makes lone surrogates equal, and two
 *   such numbers would count as one.
 *
 * @param secret The configured hash key, of any length. BLAKE3's key is derived from it by HKDF-SHA-256 (RFC 5869), so
 *   every process with this secret computes the same hashes.
 */
export async function createIdentifierHash(secret: string | Uint8Array): Promise<IdentifierHash> {
  const key = new Uint8Array(hkdfSync('sha256', secret, '', KEY_LABEL, KEY_BYTES));
  const blake3 = await createBLAKE3(HASH_BITS, key);
  return (identifier) => blake3.init().update(Buffer.from(identifier, 'utf16le')).digest('binary');
}
