import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { ApiKeyListInvalidError, parseApiKeyList } from './api-key-list';

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
