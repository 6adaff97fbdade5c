import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DaySet } from '../contract/day-set';
import { encodeDaySetHead, HEAD_BYTES, readDaySet, readDaySetHead, extendChecksum } from './day-set-format';
import { crc32 } from 'node:zlib';

const daySets = fc.record({
  scannedAt: fc.integer({ min: 0, max: 8.64e15 }),
  demandedAt: fc.integer({ min: 0, max: 8.64e15 }),
  entitiesRead: fc.nat(),
  entitiesWithoutIdentifier: fc.nat(),
  identifiers: fc
    .array(fc.uint8Array({ minLength: 16, maxLength: 16 }), { maxLength: 20 })
    .map((all) => Buffer.concat(all)),
});

function encodeDaySet(daySet: DaySet): Buffer {
  return Buffer.concat([encodeDaySetHead(daySet), daySet.identifiers]);
}

describe('the stored form of a day set', () => {
  it('gives back what was stored', () => {
    fc.assert(
      fc.property(daySets, (daySet) => {
        const bytes = encodeDaySet(daySet);
        expect(readDaySet(bytes)).toEqual(daySet);
        const { identifiers: _, ...head } = daySet;
        expect(readDaySetHead(bytes.subarray(0, HEAD_BYTES))).toEqual(head);
      }),
    );
  });

  it('takes 16 bytes an identifier and a small head', () => {
    const identifiers = Buffer.alloc(16 * 1_000, 7);
    const bytes = encodeDaySet({
      scannedAt: 1,
      demandedAt: 1,
      entitiesRead: 2,
      entitiesWithoutIdentifier: 0,
      identifiers,
    });
    expect(bytes.length).toBe(16_048);
  });

  it('is not trusted when any bit is wrong, anything is missing or anything was added', () => {
    fc.assert(
      fc.property(daySets, fc.nat(), fc.integer({ min: 0, max: 7 }), (daySet, at, bit) => {
        const bytes = encodeDaySet(daySet);
        const flipped = Buffer.from(bytes);
        const index = at % bytes.length;
        flipped[index] = (flipped[index] ?? 0) ^ (1 << bit);
        expect(readDaySet(flipped)).toBeUndefined();
        expect(readDaySet(bytes.subarray(0, at % bytes.length))).toBeUndefined();
        expect(readDaySet(Buffer.concat([bytes, Buffer.alloc(16)]))).toBeUndefined();
      }),
    );
  });

  it('is not trusted when it is something else', () => {
    expect(readDaySetHead(Buffer.from('{"scannedAt":1,"entitiesRead":2,"identifiers":[]}'))).toBeUndefined();
    expect(readDaySetHead(Buffer.alloc(0))).toBeUndefined();
  });
});

it('is that of the whole, however empty the parts are', () => {
  const [head, tail] = [Buffer.from('abc'), Buffer.from('def')];
  const none = [new Uint8Array(0), Buffer.alloc(0), new Uint8Array(new ArrayBuffer(0))];
  for (const empty of none) expect(extendChecksum(crc32(head), empty)).toBe(crc32(head));
  expect(extendChecksum(crc32(head), tail)).toBe(crc32('abcdef'));
});
