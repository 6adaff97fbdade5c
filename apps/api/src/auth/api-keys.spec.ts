import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { ApiKeys } from './api-keys';

const entry = (caller: string, key: string) => ({ caller, sha256: createHash('sha256').update(key).digest('hex') });
const list = (...entries: object[]) => JSON.stringify(entries);

function createKeys(text: string): ApiKeys {
  const keys = new ApiKeys();
  keys.replace(text);
  return keys;
}

describe('API keys', () => {
  it('are not known before there is a list', () => {
    const keys = new ApiKeys();
    expect([keys.isKnown, keys.find('aq_1')]).toEqual([false, undefined]);
    expect(createKeys(list(entry('a', 'aq_1'))).isKnown).toBe(true);
  });

  it('belong to callers, of whom one can have two', () => {
    const keys = createKeys(list(entry('a', 'aq_1'), entry('b', 'aq_2'), entry('a', 'aq_3')));
    expect(['aq_1', 'aq_2', 'aq_3', 'aq_4', '', 'aq_1 '].map((key) => keys.find(key)?.caller)).toEqual([
      'a',
      'b',
      'a',
      undefined,
      undefined,
      undefined,
    ]);
  });

  it('are replaced as a whole, or not at all', () => {
    const keys = createKeys(list(entry('a', 'aq_1')));
    expect(() => keys.replace('[')).toThrow('the list must be JSON');
    expect(keys.find('aq_1')?.caller).toBe('a');
    keys.replace(list(entry('a', 'aq_2')));
    expect(['aq_1', 'aq_2'].map((key) => keys.find(key)?.caller)).toEqual([undefined, 'a']);
  });
});
