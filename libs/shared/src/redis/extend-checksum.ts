import { crc32 } from 'node:zlib';

/**
 * The CRC-32 of what `checksum` is of, followed by `bytes`. Node's own gives 0 for no bytes where they have no memory
 * behind them, so that the set of an empty day would never be trusted.
 */
export function extendChecksum(checksum: number, bytes: Uint8Array): number {
  return bytes.length === 0 ? checksum : crc32(bytes, checksum);
}
