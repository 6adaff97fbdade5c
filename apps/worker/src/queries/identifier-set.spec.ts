import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createIdentifierHash } from './identifier-hash';
import { IdentifierSet } from './identifier-set';

type Hash = [number, number, number, number];

const anyWord = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
// Few different words, so that hashes repeat, meet in a slot, differ in one word only, or are all zeros.
const anyHash: fc.Arbitrary<Hash> = fc.oneof(
  fc.tuple(anyWord, anyWord, anyWord, anyWord),
  ...[fc.constantFrom(0, 1, -1, 16)].map((few) => fc.tuple(few, few, few, few)),
);
const anyHashes = fc.array(anyHash, { maxLength: 200 });

describe('IdentifierSet', () => {
  it('counts and stores as a Set of strings does', () => {
    const step = fc.oneof(
      anyHash.map((hash) => ({ add: hash })),
      anyHashes.map((hashes) => ({ addAll: hashes })),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const set = new IdentifierSet();
        const model = new Set<string>();
        for (const each of steps) {
          if ('add' in each) {
            expect(set.add(toBytes([each.add]))).toBe(!model.has(toHex(each.add)));
            model.add(toHex(each.add));
          } else {
            set.addAll(toBytes(each.addAll));
            each.addAll.forEach((hash) => model.add(toHex(hash)));
          }
          expect(set.size).toBe(model.size);
        }
        expect(contents(set)).toEqual([...model].sort());
      }),
    );
  });

  it('builds the same union of stored sets in any order', () => {
    fc.assert(
      fc.property(fc.array(anyHashes, { maxLength: 8 }), (days) => {
        const stored = days.map((hashes) => setOf(hashes).toBytes());
        const union = new IdentifierSet();
        stored.forEach((bytes) => union.addAll(bytes));
        const reversed = new IdentifierSet();
        stored.toReversed().forEach((bytes) => reversed.addAll(bytes));
        expect(contents(union)).toEqual([...new Set(days.flat().map(toHex))].sort());
        expect(contents(reversed)).toEqual(contents(union));
      }),
    );
  });

  it('is empty at first, and stores nothing then', () => {
    const set = new IdentifierSet();
    set.addAll(set.toBytes());
    expect(set.size).toBe(0);
    expect(set.toBytes()).toEqual(new Uint8Array(0));
  });

  it.each([
    { alone: true, others: [] },
    { alone: false, others: [[0, 0, 0, 1] as Hash, [1, 0, 0, 0] as Hash] },
  ])('stores the hash that is all zeros (alone: $alone)', ({ others }) => {
    const set = setOf(others);
    expect(set.add(new Uint8Array(16))).toBe(true);
    expect(set.add(new Uint8Array(16))).toBe(false);
    set.addAll(new Uint8Array(32));
    expect(set.size).toBe(others.length + 1);
    expect(contents(set)).toEqual([toHex([0, 0, 0, 0]), ...others.map(toHex)].sort());
  });

  it('stores 16 bytes for each identifier, little-endian', () => {
    const set = setOf([[0x03020100, 0x07060504, 0x0b0a0908, 0xfffefdfc | 0]]);
    expect([...set.toBytes()]).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 0xfc, 0xfd, 0xfe, 0xff]);
  });

  it('does not keep the array of a hash', () => {
    const set = new IdentifierSet();
    const reused = toBytes([[1, 2, 3, 4]]);
    set.add(reused);
    reused.fill(9);
    expect(contents(set)).toEqual([toHex([1, 2, 3, 4])]);
  });

  it.each([0, 1, 2, 3, 5, 8, 13, 16])('reads stored bytes that begin at byte %i of a larger buffer', (offset) => {
    const hashes: Hash[] = [
      [1, 2, 3, 4],
      [-5, -6, -7, -8],
      [0, 0, 0, 0],
    ];
    const pool = Buffer.alloc(offset + 48 + 7, 0xaa);
    pool.set(toBytes(hashes), offset);
    const set = new IdentifierSet();
    set.addAll(pool.subarray(offset, offset + 48));
    expect(contents(set)).toEqual(hashes.map(toHex).sort());
  });

  it.each([1, 15, 17, 40])('throws for %i bytes, and stays unchanged', (length) => {
    const set = setOf([[1, 2, 3, 4]]);
    expect(() => set.addAll(new Uint8Array(length))).toThrow(RangeError);
    expect(set.size).toBe(1);
  });

  it('stays exact while it doubles and splits, and through its stored form', async () => {
    const hash = await createIdentifierHash('a secret of the specs, 32 characters or more');
    const set = new IdentifierSet();
    const model = new Set<string>();
    for (let at = 0; at < 150_000; at++) {
      // Every third repeats an earlier one.
      const identifier = String(100_000_000 + (at % 3 === 2 ? (at * 7_919) % at : at));
      if (set.add(hash(identifier)) === model.has(identifier)) expect.unreachable(`wrong about ${identifier} at ${at}`);
      model.add(identifier);
    }
    expect(set.size).toBe(model.size);

    const copy = new IdentifierSet();
    copy.addAll(set.toBytes());
    expect(copy.size).toBe(model.size);
    copy.addAll(set.toBytes());
    expect(copy.size).toBe(model.size);
    for (const identifier of model) {
      if (copy.add(hash(identifier))) expect.unreachable(`lost ${identifier}`);
    }
  });

  // A damaged day set may have such hashes; a set that loops for ever on them would hang the worker.
  it.each([
    { word: 0, count: 30_000 },
    { word: 1, count: 2_000 },
    { word: 2, count: 2_000 },
    { word: 3, count: 2_000 },
  ])('stays exact for $count hashes that have all but word $word random', ({ word, count }) => {
    const set = new IdentifierSet();
    for (let at = 1; at <= count; at++) {
      const words = Int32Array.from({ length: 4 }, (_, each) => Math.imul(at, 0x9e3779b1 + 2 * each));
      words[word] = 7;
      const hash = toBytes([[...words] as Hash]);
      if (!set.add(hash)) expect.unreachable(`took number ${at} for another`);
      if (set.add(hash)) expect.unreachable(`took number ${at} twice`);
    }
    expect(set.size).toBe(count);
    expect(new Set(contents(set)).size).toBe(count);
  });
});

function setOf(hashes: readonly Hash[]): IdentifierSet {
  const set = new IdentifierSet();
  hashes.forEach((hash) => set.add(toBytes([hash])));
  return set;
}

function toBytes(hashes: readonly Hash[]): Buffer {
  const bytes = Buffer.alloc(hashes.length * 16);
  hashes.flat().forEach((word, at) => bytes.writeInt32LE(word, at * 4));
  return bytes;
}

function toHex(hash: Hash): string {
  return toBytes([hash]).toString('hex');
}

/** The stored identifiers in hexadecimal, sorted. */
function contents(set: IdentifierSet): string[] {
  const hex = Buffer.from(set.toBytes()).toString('hex');
  return (hex.match(/.{32}/g) ?? []).sort();
}
