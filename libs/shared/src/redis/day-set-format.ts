import { crc32 } from 'node:zlib';
import { type DaySet, type DaySetHead, IDENTIFIER_BYTES } from '../contract/day-set';

/** The stored form of a day set: a head of 48 bytes, then 16 bytes for each identifier; numbers are little-endian. */
export const HEAD_BYTES = 48;

const MAGIC = 'AQDS';
const VERSION = 2;
const AT = {
  ...{ version: 4, scannedAt: 8, demandedAt: 16, entitiesRead: 24, entitiesWithoutIdentifier: 32 },
  ...{ identifiers: 40, checksum: 44 },
};

/**
 * Returns the head of a stored day set. The identifiers are appended unchanged, without another copy.
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

/** Undefined when the bytes have another format or version. The head alone does not prove that the set is intact. */
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

/** Undefined when length, format or checksum is wrong: the day is then read again instead of miscounted. */
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
 * Extends a CRC-32 by `bytes`. Node's `crc32` returns 0 for an empty array without memory, which would make the set of an
 * empty day invalid.
 */
export function extendChecksum(checksum: number, bytes: Uint8Array): number {
  return bytes.length === 0 ? checksum : crc32(bytes, checksum);
}
