import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { ApiKeys, ApiKeyListInvalidError, parseApiKeyList } from './api-keys';
import { execFileSync } from 'node:child_process';

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

const DIGEST = 'a'.repeat(64);

function problemsOf(list: unknown): readonly string[] {
  try {
    parseApiKeyList(typeof list === 'string' ? list : JSON.stringify(list));
  } catch (error) {
    if (error instanceof ApiKeyListInvalidError) return error.problems;
    throw error;
  }
  return [];
}

describe('a list of API keys', () => {
  it('has callers with the digests of their keys, and can have two of one caller', () => {
    const list = [
      { caller: 'reporting', sha256: DIGEST },
      { caller: 'reporting', sha256: 'b'.repeat(64) },
    ];
    expect(parseApiKeyList(JSON.stringify(list))).toEqual(list);
  });

  it('takes what `npm run api-key` prints', () => {
    const output = execFileSync(process.execPath, ['apps/api/create-api-key.mjs', 'night-batch.2'], {
      encoding: 'utf8',
    });
    const [entry = ''] = /\{.*\}/.exec(output) ?? [];
    expect(parseApiKeyList(`[${entry}]`)).toMatchObject([{ caller: 'night-batch.2' }]);
  });

  it.each<[string, unknown, string[]]>([
    ['no JSON', '[S3CRET', ['the list must be JSON']],
    ['nothing', '', ['the list must be JSON']],
    ['no list', {}, ['the list must be a JSON array with one key or more']],
    ['an empty list', [], ['the list must be a JSON array with one key or more']],
    ['no entry', [null, 'S3CRET', []], [1, 2, 3].map((i) => `entry ${i}: must be an object with caller and sha256`)],
    [
      'a bad name and a bad digest',
      [{ caller: 'a:b S3CRET', sha256: 'S3CRET' }],
      [
        'entry 1: caller must be 1 to 64 letters, digits, dots, dashes and underscores, a letter or digit first',
        'entry 1: sha256 must be 64 lower-case hexadecimal digits',
      ],
    ],
    [
      'a key in place of its digest, beside one more problem',
      [
        { caller: 'a', sha256: DIGEST, note: 'S3CRET' },
        { caller: 'b', sha256: 'aq_S3CRET' },
      ],
      ['entry 1: has a member beside caller and sha256', 'entry 2: sha256 must be 64 lower-case hexadecimal digits'],
    ],
    [
      'one key twice',
      [
        { caller: 'a', sha256: DIGEST },
        { caller: 'b', sha256: DIGEST },
      ],
      ['entry 2: its key is that of entry 1'],
    ],
  ])('is refused whole, with all that is wrong and no value: %s', (_name, list, problems) => {
    expect(problemsOf(list)).toEqual(problems);
  });
});
