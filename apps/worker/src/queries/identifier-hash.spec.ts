import { hkdfSync } from 'node:crypto';
import fc from 'fast-check';
import { createBLAKE3 } from 'hash-wasm';
import { beforeAll, describe, expect, it } from 'vitest';
import { createIdentifierHash, type IdentifierHash } from './identifier-hash';

const SECRET = 'a secret of the specs, 32 characters or more';
const KEY_LABEL = 'audit-query identifier hash 2: keyed BLAKE3, 128 bits, UTF-16LE';

let hash: IdentifierHash;
beforeAll(async () => {
  hash = await createIdentifierHash(SECRET);
});

/** Any sequence of UTF-16 code units, lone surrogates too; many of one byte each. */
const anyText = fc
  .oneof(
    fc.array(fc.integer({ min: 0, max: 0xff }), { maxLength: 40 }),
    fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 40 }),
  )
  .map((units) => String.fromCharCode(...units));

describe('the keyed BLAKE3 of the library', () => {
  // `keyed_hash` of test_vectors.json in github.com/BLAKE3-team/BLAKE3, its first 16 bytes.
  it.each([
    [0, '92b2b75604ed3c761f9d6f62392c8a92'],
    [1, '6d7878dfff2f485635d39013278ae14f'],
    [1_023, 'c951ecdf03288d0fcc96ee3413563d8a'],
    [1_024, '75c46f6f3d9eb4f55ecaaee480db732e'],
    [1_025, '357dc55de0c7e382c900fd6e320acc04'],
  ])('has the published output for %i bytes', async (lengthBytes, expected) => {
    const blake3 = await createBLAKE3(128, Buffer.from('whats the Elvish word for friend'));
    const input = Uint8Array.from({ length: lengthBytes }, (_, at) => at % 251);
    expect(toHex(blake3.init().update(input).digest('binary'))).toBe(expected);
  });
});

describe('createIdentifierHash', () => {
  // Stored day sets hold such hashes: raise SCAN_VERSION when this value changes.
  it('returns the hashes of stored day sets', () => {
    expect(hashHex('123456789')).toBe('06281a017906f2b550ee51b0abd0f59e');
  });

  it.each([
    { text: '', input: [] },
    { text: '12', input: [0x31, 0, 0x32, 0] },
    { text: '\u00ff', input: [0xff, 0] },
    { text: '\u0100', input: [0x00, 0x01] },
    { text: 'a\u03a9b', input: [0x61, 0x00, 0xa9, 0x03, 0x62, 0x00] },
    { text: '\ud800', input: [0x00, 0xd8] },
  ])('hashes the code units of $text, two bytes each, with the derived key', async ({ text, input }) => {
    const key = new Uint8Array(hkdfSync('sha256', SECRET, '', KEY_LABEL, 32));
    const blake3 = await createBLAKE3(128, key);
    expect(hashHex(text)).toBe(toHex(blake3.init().update(Uint8Array.from(input)).digest('binary')));
  });

  it.each([
    ['a\u0001', '\u0161'],
    ['', '\0'],
    ['\0', '\0\0'],
    ['\u0001', ''],
    ['\ud800', '\udc00'],
    ['\ud800', '\ufffd'],
    ['\u00e9', 'e\u0301'],
    ['1', '1 '],
  ])('returns different hashes for %j and %j', (one, other) => {
    expect(hashHex(one)).not.toBe(hashHex(other));
  });

  it('returns the same hash for two strings exactly when they are equal, whatever it hashed between', () => {
    fc.assert(
      fc.property(anyText, anyText, anyText, (one, between, other) => {
        const first = hashHex(one);
        hashHex(between);
        expect(hashHex(other) === first).toBe(one === other);
        expect(hashHex(one)).toBe(first);
      }),
    );
  });

  it('returns an array of its own each time', () => {
    const [first, before] = [hash('1'), hashHex('1')];
    hash('2');
    expect(toHex(first)).toBe(before);
  });

  it('hashes strings of any length', () => {
    const hashes = Array.from({ length: 300 }, (_, length) => [
      hashHex('7'.repeat(length)),
      hashHex('Ω'.repeat(length)),
    ]);
    expect(new Set(hashes.flat()).size).toBe(599);
  });

  it('depends on the secret, and on nothing else of the process', async () => {
    const other = await createIdentifierHash(`${SECRET}!`);
    expect(toHex(other('123456789'))).not.toBe(hashHex('123456789'));
    const same = await createIdentifierHash(new TextEncoder().encode(SECRET));
    expect(toHex(same('123456789'))).toBe(hashHex('123456789'));
  });
});

function hashHex(text: string): string {
  return toHex(hash(text));
}

function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
