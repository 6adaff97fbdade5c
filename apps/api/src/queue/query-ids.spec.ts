import { describe, expect, it } from 'vitest';
import { isQueryId } from '#shared/contract/query-id';
import { deriveQueryId, createQueryId } from './query-ids';

describe('createQueryId', () => {
  it('returns a valid id that it never returned before', () => {
    const ids = Array.from({ length: 10_000 }, createQueryId);
    expect(ids.filter(isQueryId)).toHaveLength(10_000);
    expect(new Set(ids).size).toBe(10_000);
  });

  it('draws every bit at random', () => {
    const ones = new Array<number>(128).fill(0);
    for (let round = 0; round < 4_096; round++) {
      const bits = BigInt(`0x${createQueryId()}`);
      for (let bit = 0; bit < 128; bit++) ones[bit]! += Number((bits >> BigInt(bit)) & 1n);
    }
    // Ten standard deviations: no honest source is ever beyond.
    expect(ones.filter((count) => Math.abs(count - 2_048) > 320)).toEqual([]);
  });
});

describe('deriveQueryId', () => {
  it('gives the same for the same caller and key, and another for any other', () => {
    const id = deriveQueryId('a', 'b');
    expect(deriveQueryId('a', 'b')).toBe(id);
    expect(isQueryId(id)).toBe(true);
    expect(new Set([id, deriveQueryId('a', 'c'), deriveQueryId('c', 'b'), deriveQueryId('ab', '')]).size).toBe(4);
  });
});
