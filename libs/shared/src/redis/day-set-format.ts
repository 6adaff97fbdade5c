import { crc32 } from 'node:zlib';
import { type DaySet, type DaySetHead, IDENTIFIER_BYTES } from '../contract/day-set';

/** How a day set lies in Redis: a head of 48 bytes, then 16 bytes for each identifier; numbers are little-endian. */
export const HEAD_BYTES = 48;

const MAGIC = 'AQDS';
const VERSION = 2;
const AT = {
  ...{ version: 4, scannedAt: 8, demandedAt: 16, entitiesRead: 24, entitiesWithoutIdentifier: 32 },
  ...{ identifiers: 40, checksum: 44 },
};

/**
 * The head of a stored day set; the identifiers follow it as they are, which spares a second copy of them.
 */
export function encodeDaySetHead({ identifiers, ...head }: DaySet): Buffer {
  const bytes = Buffer.alloc(HEAD_BYTES);
  bytes.write(MAGIC, 0, 'latin1');
  bytes.writeUInt32LE(VERSION, AT.version);
  bytes.writeDoubleLE(head.scannedAt, AT.scannedAt);
  bytes.writeDoubleLE(head.demandedAt, AT.demandedAt);
  bytes.writeDoubleLE(head.entitiesRead, AT.entitiesRead);
  bytes.writeDoubleLE(head.entitiesWithoutIdentifier, AT.entitiesWithoutIdentifier);
  bytes.writeUInt32LE(identifiers.length / IDENTIFIER_BYTES, AT.identifiers);
  bytes.writeUInt32LE(checksum(bytes, identifiers), AT.checksum);
  return bytes;
}

/** Undefined when the bytes are of another format or version. The head alone carries no proof that it is intact. */
export function readDaySetHead(bytes: Buffer): DaySetHead | undefined {
  if (bytes.length < HEAD_BYTES) return undefined;
  if (bytes.toString('latin1', 0, MAGIC.length) !== MAGIC || bytes.readUInt32LE(AT.version) !== VERSION)
    return undefined;
  return {
    scannedAt: bytes.readDoubleLE(AT.scannedAt),
    demandedAt: bytes.readDoubleLE(AT.demandedAt),
    entitiesRead: bytes.readDoubleLE(AT.entitiesRead),
    entitiesWithoutIdentifier: bytes.readDoubleLE(AT.entitiesWithoutIdentifier),
  };
}

/** Undefined when anything about the bytes is wrong: a day is read again rather than miscounted. */
export function readDaySet(bytes: Buffer): DaySet | undefined {
  const head = readDaySetHead(bytes);
  if (head === undefined) return undefined;
  if (bytes.length !== HEAD_BYTES + bytes.readUInt32LE(AT.identifiers) * IDENTIFIER_BYTES) return undefined;
  const identifiers = bytes.subarray(HEAD_BYTES);
  if (bytes.readUInt32LE(AT.checksum) !== checksum(bytes, identifiers)) return undefined;
  return { ...head, identifiers };
}

function checksum(head: Buffer, identifiers: Uint8Array): number {
  return extendChecksum(crc32(head.subarray(0, AT.checksum)), identifiers);
}

/**
 * The CRC-32 of what `checksum` is of, followed by `bytes`. Node's own gives 0 for no bytes where they have no memory
 * behind them, so that the set of an empty day would never be trusted.
 */
export function extendChecksum(checksum: number, bytes: Uint8Array): number {
  return bytes.length === 0 ? checksum : crc32(bytes, checksum);
}
