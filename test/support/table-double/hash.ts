/** A 32-bit hash of two integers: the same for the same arguments, and evenly spread (MurmurHash3's finaliser). */
export function hashNumber(seed: number, value: number): number {
  let hash = seed ^ Math.imul(value + 1, 0x9e37_79b1);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85eb_ca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2_ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** A 32-bit hash of a text (FNV-1a over UTF-16 code units). */
export function hashText(text: string): number {
  let hash = 0x811c_9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x0100_0193);
  return hash >>> 0;
}

/** A 32-bit hash as a number from 0 (inclusive) to 1 (exclusive). */
export function toFraction(hash: number): number {
  return hash / 2 ** 32;
}
