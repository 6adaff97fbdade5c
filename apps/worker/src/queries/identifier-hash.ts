import { hkdfSync } from 'node:crypto';

/** The words of a 128-bit hash: word 0 holds its first four bytes, the first of them lowest. */
export const HASH_WORDS = 4;

/**
 * Writes the hash of `identifier` into the first four words of `out`, and allocates nothing. The words are signed
 * because V8 keeps every signed one as a plain integer.
 */
export type IdentifierHash = (identifier: string, out: Int32Array) => void;

/** Part of the key's derivation, so that the secret can serve other purposes too. */
const KEY_LABEL = 'audit-query identifier hash 1: SipHash-2-4-128';
const KEY_BYTES = 16;

const NARROW = 1;
const WIDE = 2;

/**
 * Makes a keyed 128-bit hash of identification numbers: without the secret nobody can try out numbers against a stored
 * set, and among 20 million identifiers two have the same hash with a probability below 1e-24.
 *
 * It is SipHash-2-4 with 128 bits of output, written here because no library came near. `npm run bench:hash`, Node 20.20,
 * two noisy cores, nanoseconds a hash, median (lowest-highest) of 10 rounds: this 137 (131-262), hash-wasm's keyed BLAKE3
 * 624 (527-756), its SHA-256 1,788 (1,551-2,246), Node's HMAC-SHA-256 2,692 (2,331-4,182).
 *
 * The input is exact for every JavaScript string, also for lone surrogates, which UTF-8 would make equal: one byte for
 * each code unit when all fit, else two, and then one byte that says which. So no two strings have the same input.
 *
 * @param secret from the configuration, of any length; the 16 bytes that SipHash takes are derived from it by
 * HKDF-SHA-256 (RFC 5869). The same secret gives the same hashes in every process.
 */
export function createIdentifierHash(secret: string | Uint8Array): IdentifierHash {
  const key = toWords(new Uint8Array(hkdfSync('sha256', secret, '', KEY_LABEL, KEY_BYTES)));
  let message = new Int32Array(16);

  return (identifier, out) => {
    // Two bytes a code unit, one for the tag, and up to a block of padding.
    if (identifier.length * 2 + 16 > message.byteLength) message = new Int32Array(identifier.length + 8);
    const lengthBytes = packNarrow(identifier, message) || packWide(identifier, message);
    sipHash128(key, message, lengthBytes, out);
  };
}

/** Gives the length in bytes, at least 1, or 0 when a code unit needs more than one byte. */
function packNarrow(text: string, message: Int32Array): number {
  const length = text.length;
  let word = 0;
  for (let at = 0; at < length; at++) {
    const unit = text.charCodeAt(at);
    if (unit > 0xff) return 0;
    word |= unit << ((at & 3) << 3);
    if ((at & 3) === 3) {
      message[at >> 2] = word;
      word = 0;
    }
  }
  message[length >> 2] = word | (NARROW << ((length & 3) << 3));
  return length + 1;
}

function packWide(text: string, message: Int32Array): number {
  const length = text.length;
  let word = 0;
  for (let at = 0; at < length; at++) {
    word |= text.charCodeAt(at) << ((at & 1) << 4);
    if ((at & 1) === 1) {
      message[at >> 1] = word;
      word = 0;
    }
  }
  message[length >> 1] = word | (WIDE << ((length & 1) << 4));
  return length * 2 + 1;
}

/** Bytes as little-endian words; the last one is filled up with zeros. */
export function toWords(bytes: Uint8Array): Int32Array {
  const words = new Int32Array(Math.ceil(bytes.length / 4));
  bytes.forEach((byte, at) => (words[at >> 2]! |= byte << ((at & 3) << 3)));
  return words;
}

/**
 * SipHash-2-4 with 128 bits of output: J.-P. Aumasson and D. J. Bernstein, "SipHash: a fast short-input PRF" (2012),
 * and the 128-bit variant of their reference implementation, by whose test vectors it is checked.
 *
 * @param key four words
 * @param message words of which `lengthBytes` bytes count; a last word that counts in part has zeros above; there must
 * be room for whole blocks of two words, one of which holds the length
 */
export function sipHash128(key: Int32Array, message: Int32Array, lengthBytes: number, out: Int32Array): void {
  const blocks = padToBlocks(message, lengthBytes);

  // The four 64-bit numbers of the state, in halves that live in locals.
  let v0l = key[0]! ^ 0x70736575;
  let v0h = key[1]! ^ 0x736f6d65;
  let v1l = key[2]! ^ 0x6e646f6d ^ 0xee;
  let v1h = key[3]! ^ 0x646f7261;
  let v2l = key[0]! ^ 0x6e657261;
  let v2h = key[1]! ^ 0x6c796765;
  let v3l = key[2]! ^ 0x79746573;
  let v3h = key[3]! ^ 0x74656462;

  // After the message's blocks come two without one, from which the two halves of the hash are taken.
  for (let block = 0; block < blocks + 2; block++) {
    const isMessage = block < blocks;
    const low = isMessage ? message[block * 2]! : 0;
    const high = isMessage ? message[block * 2 + 1]! : 0;
    if (block === blocks) v2l ^= 0xee;
    if (block === blocks + 1) v1l ^= 0xdd;
    v3l ^= low;
    v3h ^= high;
    for (let round = isMessage ? 2 : 4; round > 0; round--) {
      // v0 += v1; v1 <<<= 13; v1 ^= v0; v0 <<<= 32
      let sum = (v0l + v1l) | 0;
      v0h = (v0h + v1h + carry(v0l, v1l, sum)) | 0;
      v0l = sum;
      let spare = (v1h << 13) | (v1l >>> 19);
      v1l = (v1l << 13) | (v1h >>> 19);
      v1h = spare;
      v1l ^= v0l;
      v1h ^= v0h;
      spare = v0l;
      v0l = v0h;
      v0h = spare;
      // v2 += v3; v3 <<<= 16; v3 ^= v2
      sum = (v2l + v3l) | 0;
      v2h = (v2h + v3h + carry(v2l, v3l, sum)) | 0;
      v2l = sum;
      spare = (v3h << 16) | (v3l >>> 16);
      v3l = (v3l << 16) | (v3h >>> 16);
      v3h = spare;
      v3l ^= v2l;
      v3h ^= v2h;
      // v2 += v1; v1 <<<= 17; v1 ^= v2; v2 <<<= 32
      sum = (v2l + v1l) | 0;
      v2h = (v2h + v1h + carry(v2l, v1l, sum)) | 0;
      v2l = sum;
      spare = (v1h << 17) | (v1l >>> 15);
      v1l = (v1l << 17) | (v1h >>> 15);
      v1h = spare;
      v1l ^= v2l;
      v1h ^= v2h;
      spare = v2l;
      v2l = v2h;
      v2h = spare;
      // v0 += v3; v3 <<<= 21; v3 ^= v0
      sum = (v0l + v3l) | 0;
      v0h = (v0h + v3h + carry(v0l, v3l, sum)) | 0;
      v0l = sum;
      spare = (v3h << 21) | (v3l >>> 11);
      v3l = (v3l << 21) | (v3h >>> 11);
      v3h = spare;
      v3l ^= v0l;
      v3h ^= v0h;
    }
    v0l ^= low;
    v0h ^= high;
    if (!isMessage) {
      out[(block - blocks) * 2] = v0l ^ v1l ^ v2l ^ v3l;
      out[(block - blocks) * 2 + 1] = v0h ^ v1h ^ v2h ^ v3h;
    }
  }
}

/** Fills the last block with zeros and the length, modulo 256, in its highest byte; gives the number of blocks. */
function padToBlocks(message: Int32Array, lengthBytes: number): number {
  const blocks = (lengthBytes >> 3) + 1;
  const last = blocks * 2 - 1;
  for (let at = (lengthBytes + 3) >> 2; at <= last; at++) message[at] = 0;
  message[last]! |= lengthBytes << 24;
  return blocks;
}

// Not `sum >>> 0 < a >>> 0`: the outcome is random, and the mispredicted branches would take as long as all the rest.
function carry(a: number, b: number, sum: number): number {
  return ((a & b) | ((a | b) & ~sum)) >>> 31;
}
