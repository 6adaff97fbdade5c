import { describe, expect, it } from 'vitest';
import { ApiConfig } from './api-config';
import { ConfigInvalidError, parseConfig } from './parse-config';

const read = (PUBLIC_BASE_URL: string) => parseConfig(ApiConfig, { PUBLIC_BASE_URL }).publicBaseUrl;

describe('PUBLIC_BASE_URL', () => {
  it.each([
    ['https://audit.example', 'https://audit.example'],
    ['http://127.0.0.1:3000/', 'http://127.0.0.1:3000'],
    ['https://audit.example/some/where//', 'https://audit.example/some/where'],
    ['HTTPS://Audit.Example:443/Some', 'https://audit.example/Some'],
    ['https://例え.example/道', 'https://xn--r8jz45g.example/%E9%81%93'],
    ['https://audit.example/some?', 'https://audit.example/some'],
    ['https://audit.example#', 'https://audit.example'],
  ])('%s is what a path can follow, in ASCII: %s', (given, kept) => {
    expect(read(given)).toBe(kept);
  });

  it('that is empty is none', () => {
    expect(read('')).toBeUndefined();
  });

  it.each([
    ...['audit.example', '/api', 'ftp://audit.example', 'https://', 'https://a b'],
    ...[
      'https://S3CRET@a.example',
      'https://u:S3CRET@a.example',
      'https://a.example/x?S3CRET',
      'https://a.example/#S3CRET',
    ],
  ])('%s is refused, without being repeated', (given) => {
    const rule =
      'PUBLIC_BASE_URL must be a URL that begins with https:// or http://, without a user, a query or a fragment';
    expect(() => read(given)).toThrow(new ConfigInvalidError([rule]));
  });
});
