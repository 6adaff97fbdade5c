import { HASH_WORDS } from './identifier-hash';

/** What an identifier takes in a stored day set. */
const IDENTIFIER_BYTES = 16;

const FIRST_SLOTS = 16;
/** The share of a table's slots that may be taken; beyond it a look-up walks too far. */
const MAX_LOAD = 0.8;
/** By how much a full table grows. Smaller: less memory, and more time spent on moving entries. */
const GROWTH = 1.5;
/** Entries from which on the set is split. Below, a set is one table, so that the many small ones cost little. */
const SPLIT_AT = 50_000;
const SPLIT_TABLES = 256;

/**
 * A set of 128-bit identifier hashes in typed arrays: about 24 bytes an entry (20 to 30), no limit at 2^24 entries.
 *
 * It is one open-addressing table at first, and from `SPLIT_AT` entries on 256 of them, chosen by the hash's highest
 * byte, each of which grows on its own: growing the set never needs a second copy of it, nor a long pause.
 *
 * The hash is the output of a keyed pseudo-random function, so its bits are as good as random to whoever does not
 * know the key, and serve as they are to choose the table and the slot: no second hash, and no input that collides.
 */
export class IdentifierSet {
  private tables = [new SlotTable(FIRST_SLOTS)];
  private entries = 0;
  // All zeros marks a free slot, so that one hash has its place here.
  private hasZero = false;
  private readonly scratch = new Int32Array(HASH_WORDS);

  /** Distinct hashes added. */
  get size(): number {
    return this.entries;
  }

  /** Memory that the tables take, free slots too. */
  get sizeBytes(): number {
    return this.tables.reduce((sum, table) => sum + table.words.byteLength, 0);
  }

  /** Adds the four words of a hash; whether it was new. */
  add(hash: Int32Array): boolean {
    const w0 = hash[0]!;
    const w1 = hash[1]!;
    const w2 = hash[2]!;
    const w3 = hash[3]!;
    if ((w0 | w1 | w2 | w3) === 0) return this.addZero();
    const table = this.tables[(w0 >>> 24) & (this.tables.length - 1)]!;
    if (!table.add(w0, w1, w2, w3)) return false;
    this.entries++;
    if (this.entries === SPLIT_AT) this.split();
    return true;
  }

  /**
   * Adds a stored day set: what `toBytes` gave, at any alignment.
   *
   * @throws RangeError when the length is not a multiple of 16
   */
  addAll(bytes: Uint8Array): void {
    const count = bytes.length / IDENTIFIER_BYTES;
    if (!Number.isInteger(count)) throw new RangeError(`${bytes.length} bytes are not a whole number of identifiers`);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    // Stored sets are in the order of their slots. Read in that order they would fill up a small table's beginning
    // before it grows, and every look-up would walk through all of it; strides spread them evenly at every moment.
    const stride = coprimeStride(count);
    for (let done = 0, at = 0; done < count; done++) {
      for (let word = 0; word < HASH_WORDS; word++)
        this.scratch[word] = view.getInt32(at * IDENTIFIER_BYTES + word * 4, true);
      this.add(this.scratch);
      at += stride;
      if (at >= count) at -= count;
    }
  }

  /** 16 bytes for each identifier, little-endian on every machine, in no particular order. */
  toBytes(): Uint8Array {
    const bytes = new Uint8Array(this.entries * IDENTIFIER_BYTES);
    const view = new DataView(bytes.buffer);
    // The zero hash needs no copying: the bytes that are left are zeros.
    let at = 0;
    for (const table of this.tables)
      table.forEach((w0, w1, w2, w3) => {
        view.setInt32(at, w0, true);
        view.setInt32(at + 4, w1, true);
        view.setInt32(at + 8, w2, true);
        view.setInt32(at + 12, w3, true);
        at += IDENTIFIER_BYTES;
      });
    return bytes;
  }

  private addZero(): boolean {
    if (this.hasZero) return false;
    this.hasZero = true;
    this.entries++;
    return true;
  }

  private split(): void {
    if (this.tables.length > 1) return;
    const slots = Math.ceil(this.entries / SPLIT_TABLES / MAX_LOAD);
    const tables = Array.from({ length: SPLIT_TABLES }, () => new SlotTable(slots));
    this.tables[0]!.forEach((w0, w1, w2, w3) => tables[w0 >>> 24]!.add(w0, w1, w2, w3));
    this.tables = tables;
  }
}

/** Open addressing with linear probing. A slot is four words, so that a look-up touches one cache line in most cases. */
class SlotTable {
  words: Int32Array;
  private slots: number;
  private taken = 0;

  constructor(slots: number) {
    this.slots = slots;
    this.words = new Int32Array(slots * HASH_WORDS);
  }

  /** Whether the hash, which may not be all zeros, was new. */
  add(w0: number, w1: number, w2: number, w3: number): boolean {
    const words = this.words;
    // Not w0, which chose the table. Scaling instead of masking allows any number of slots and keeps the order when
    // the table grows, so that entries move from one end to the other instead of all over the memory.
    let at = Math.floor(((w1 >>> 0) * this.slots) / 2 ** 32) * HASH_WORDS;
    for (;;) {
      const s0 = words[at]!;
      const s1 = words[at + 1]!;
      const s2 = words[at + 2]!;
      const s3 = words[at + 3]!;
      if (s0 === w0 && s1 === w1 && s2 === w2 && s3 === w3) return false;
      if ((s0 | s1 | s2 | s3) === 0) break;
      at += HASH_WORDS;
      if (at === words.length) at = 0;
    }
    words[at] = w0;
    words[at + 1] = w1;
    words[at + 2] = w2;
    words[at + 3] = w3;
    this.taken++;
    if (this.taken > this.slots * MAX_LOAD) this.grow();
    return true;
  }

  forEach(visit: (w0: number, w1: number, w2: number, w3: number) => void): void {
    const words = this.words;
    for (let at = 0; at < words.length; at += HASH_WORDS) {
      const w0 = words[at]!;
      const w1 = words[at + 1]!;
      const w2 = words[at + 2]!;
      const w3 = words[at + 3]!;
      if ((w0 | w1 | w2 | w3) !== 0) visit(w0, w1, w2, w3);
    }
  }

  private grow(): void {
    const larger = new SlotTable(Math.ceil(this.slots * GROWTH));
    this.forEach((w0, w1, w2, w3) => larger.add(w0, w1, w2, w3));
    this.slots = larger.slots;
    this.words = larger.words;
  }
}

/** A step that visits all of 0 to count - 1 and spreads any first part of the visits evenly (the golden ratio). */
function coprimeStride(count: number): number {
  let stride = Math.round(count * 0.618_034);
  while (greatestCommonDivisor(stride, count) > 1) stride++;
  return stride;
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
