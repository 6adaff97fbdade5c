import { HASH_WORDS } from './identifier-hash';

const FIRST_WORDS = 64 * HASH_WORDS;

/** Hashes in the order in which they came, to be stored. */
export class IdentifierLog {
  private words = new Int32Array(FIRST_WORDS);
  private used = 0;

  add(hash: Int32Array): void {
    if (this.used === this.words.length) {
      const longer = new Int32Array(this.words.length * 2);
      longer.set(this.words);
      this.words = longer;
    }
    this.words.set(hash, this.used);
    this.used += HASH_WORDS;
  }

  clear(): void {
    this.used = 0;
  }

  /** 16 bytes for each, little-endian on every machine. */
  toBytes(): Uint8Array {
    const bytes = new Uint8Array(this.used * Int32Array.BYTES_PER_ELEMENT);
    const view = new DataView(bytes.buffer);
    for (let at = 0; at < this.used; at += 1) view.setInt32(at * 4, this.words[at] ?? 0, true);
    return bytes;
  }
}
