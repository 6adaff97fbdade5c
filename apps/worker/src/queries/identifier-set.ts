import { setImmediate } from 'node:timers/promises';
import { IDENTIFIER_BYTES } from '#shared/contract/day-set';

/** 100,000 identifiers: some 40 ms of work, after which the event loop runs. */
const PIECE_BYTES = 1_600_000;

const HASH_WORDS = IDENTIFIER_BYTES / Int32Array.BYTES_PER_ELEMENT;

const FIRST_LOG_BYTES = 64 * IDENTIFIER_BYTES;

const FIRST_SLOTS = 16;
/** A table of 256 KB fits a core's cache while its entries move, which takes about a millisecond. */
const LARGEST_SLOTS = 16_384;
/** The largest share of used slots; beyond it a look-up probes too many slots. */
const MAX_LOAD = 0.8;
/** 2^16 tables of the largest size hold 850 million entries; beyond that the tables double again. */
const MAX_DEPTH = 16;

/**
 * A set of 128-bit identifier hashes in typed arrays: 20 to 40 bytes an entry, without the limit of a `Set` at 2^24.
 *
 * It uses extendible hashing. One open-addressing table doubles until it has the largest size. It is then split in two by
 * the first bit of the hash, each half by the second, and so on. A directory, indexed by the first `depth` bits, points to
 * the table of an entry. So the set grows without a second copy of itself, without long pauses and with little garbage,
 * which matters because the memory of typed arrays is released late.
 *
 * The bits of a hash choose the table and the slot unchanged: they are the output of a keyed pseudo-random function, so
 * identifiers that crowd one slot cannot be constructed without the key.
 */
export class IdentifierSet {
  private directory = [new SlotTable(FIRST_SLOTS, 0)];
  private depth = 0;
  private entries = 0;
  // A slot of zeros is free, so the hash of zeros has a flag.
  private hasZero = false;
  /** The memory of the table that was split last, for reuse. */
  private spare: Int32Array | undefined;

  /** Distinct hashes added. */
  get size(): number {
    return this.entries;
  }

  /** Adds a hash of 16 bytes. @returns Whether it was new. */
  add(hash: Uint8Array): boolean {
    return this.addAt(hash, 0);
  }

  /**
   * Adds a stored day set, as `toBytes` returned it or a part of it, at any alignment. A million identifiers block the
   * event loop for some 300 ms: see {@link addInPieces}.
   *
   * @throws RangeError when the length is not a multiple of 16.
   */
  addAll(bytes: Uint8Array): void {
    const count = bytes.length / IDENTIFIER_BYTES;
    if (!Number.isInteger(count)) throw new RangeError(`${bytes.length} bytes are not a whole number of identifiers`);
    // Stored sets have the order of their slots. Added in that order, they crowd parts of a table that has not grown yet:
    // 300,000 took seven times as long. A stride spreads them evenly at every moment.
    const stride = coprimeStride(count);
    for (let done = 0, index = 0; done < count; done++) {
      this.addAt(bytes, index * IDENTIFIER_BYTES);
      index += stride;
      if (index >= count) index -= count;
    }
  }

  /** 16 bytes for each identifier, little-endian on every machine, in no particular order. */
  toBytes(): Uint8Array {
    const bytes = new Uint8Array(this.entries * IDENTIFIER_BYTES);
    const view = new DataView(bytes.buffer);
    let at = 0;
    for (const { words } of new Set(this.directory)) {
      for (let slot = 0; slot < words.length; slot += HASH_WORDS) {
        if (isFree(words, slot)) continue;
        for (let word = 0; word < HASH_WORDS; word++, at += 4) view.setInt32(at, words[slot + word]!, true);
      }
    }
    // The hash of zeros is not written: the 16 bytes at the end are zero already.
    return bytes;
  }

  private addAt(bytes: Uint8Array, at: number): boolean {
    const w0 = readWord(bytes, at);
    const w1 = readWord(bytes, at + 4);
    const w2 = readWord(bytes, at + 8);
    const w3 = readWord(bytes, at + 12);
    if ((w0 | w1 | w2 | w3) === 0) {
      if (this.hasZero) return false;
      this.hasZero = true;
    } else {
      // Two shifts: with depth 0 a single one would shift by 32, which JavaScript takes as 0.
      const table = this.directory[(w0 >>> 1) >>> (31 - this.depth)]!;
      if (!table.add(w0, w1, w2, w3)) return false;
      if (table.isFull()) this.makeRoomIn(table);
    }
    this.entries++;
    return true;
  }

  private makeRoomIn(table: SlotTable): void {
    if (table.slots < LARGEST_SLOTS || table.depth === MAX_DEPTH) table.double();
    else this.split(table);
  }

  private split(table: SlotTable): void {
    if (table.depth === this.depth) {
      this.directory = this.directory.flatMap((each) => [each, each]);
      this.depth++;
    }
    const upper = new SlotTable(table.slots, table.depth + 1);
    const first = this.directory.indexOf(table);
    const half = 2 ** (this.depth - table.depth) / 2;
    this.directory.fill(upper, first + half, first + 2 * half);
    this.spare = table.moveUpperHalf(upper, this.spare);
  }
}

/** Adds a stored day set of any size, and lets the event loop run for heartbeats and health checks in between. */
export async function addInPieces(set: IdentifierSet, identifiers: Uint8Array): Promise<void> {
  for (let at = 0; at < identifiers.length; at += PIECE_BYTES) {
    if (at > 0) await setImmediate();
    set.addAll(identifiers.subarray(at, at + PIECE_BYTES));
  }
}

/** Hashes in the order in which they were added. */
export class IdentifierLog {
  private bytes = new Uint8Array(FIRST_LOG_BYTES);
  private used = 0;

  add(hash: Uint8Array): void {
    if (this.used === this.bytes.length) {
      const longer = new Uint8Array(this.bytes.length * 2);
      longer.set(this.bytes);
      this.bytes = longer;
    }
    this.bytes.set(hash, this.used);
    this.used += IDENTIFIER_BYTES;
  }

  clear(): void {
    this.used = 0;
  }

  /** A copy: 16 bytes for each hash. */
  toBytes(): Uint8Array {
    return this.bytes.slice(0, this.used);
  }
}

/** Open addressing with linear probing. A slot has four words, so most look-ups touch one cache line. */
class SlotTable {
  words: Int32Array;
  private taken = 0;

  constructor(
    /** A power of two. */
    public slots: number,
    /** The number of leading bits of `w0` that all entries share. */
    public depth: number,
  ) {
    this.words = new Int32Array(slots * HASH_WORDS);
  }

  isFull(): boolean {
    return this.taken > this.slots * MAX_LOAD;
  }

  /** Adds a hash that is not all zeros. @returns Whether it was new. */
  add(w0: number, w1: number, w2: number, w3: number): boolean {
    const words = this.words;
    // Not by w0, which chooses the table.
    let at = (w1 & (this.slots - 1)) * HASH_WORDS;
    while (!isFree(words, at)) {
      if (words[at] === w0 && words[at + 1] === w1 && words[at + 2] === w2 && words[at + 3] === w3) return false;
      at += HASH_WORDS;
      if (at === words.length) at = 0;
    }
    words[at] = w0;
    words[at + 1] = w1;
    words[at + 2] = w2;
    words[at + 3] = w3;
    this.taken++;
    return true;
  }

  double(): void {
    const words = this.words;
    this.slots *= 2;
    this.words = new Int32Array(this.slots * HASH_WORDS);
    this.taken = 0;
    distribute(words, this, this, 0);
  }

  /** Keeps the entries whose next bit is 0, in `spare` if it fits. @returns The memory used before, cleared. */
  moveUpperHalf(upper: SlotTable, spare: Int32Array | undefined): Int32Array {
    const words = this.words;
    this.words = spare?.length === words.length ? spare : new Int32Array(words.length);
    this.taken = 0;
    distribute(words, this, upper, 31 - this.depth);
    this.depth++;
    return words.fill(0);
  }
}

/** Adds each entry of `words` to one of two tables, by a bit of its first word. */
function distribute(words: Int32Array, zero: SlotTable, one: SlotTable, bit: number): void {
  for (let at = 0; at < words.length; at += HASH_WORDS) {
    if (isFree(words, at)) continue;
    const w0 = words[at]!;
    const table = (w0 >>> bit) & 1 ? one : zero;
    table.add(w0, words[at + 1]!, words[at + 2]!, words[at + 3]!);
  }
}

/** Four bytes as a little-endian word. */
function readWord(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}

function isFree(words: Int32Array, at: number): boolean {
  return (words[at]! | words[at + 1]! | words[at + 2]! | words[at + 3]!) === 0;
}

/** A step that visits each of 0 to count - 1 once and spreads every prefix of the visits evenly (the golden ratio). */
function coprimeStride(count: number): number {
  let stride = Math.round(count * 0.618_034);
  while (greatestCommonDivisor(stride, count) > 1) stride++;
  return stride;
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
