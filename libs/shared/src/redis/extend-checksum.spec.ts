import { crc32 } from 'node:zlib';
import { expect, it } from 'vitest';
import { extendChecksum } from './extend-checksum';

it('is that of the whole, however empty the parts are', () => {
  const [head, tail] = [Buffer.from('abc'), Buffer.from('def')];
  const none = [new Uint8Array(0), Buffer.alloc(0), new Uint8Array(new ArrayBuffer(0))];
  for (const empty of none) expect(extendChecksum(crc32(head), empty)).toBe(crc32(head));
  expect(extendChecksum(crc32(head), tail)).toBe(crc32('abcdef'));
});
