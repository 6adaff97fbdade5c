import { describe, expect, it } from 'vitest';
import { ApiConfig } from './api-config';
import { ConfigInvalidError, parseConfig } from './parse-config';

const readOrigins = (CORS_ORIGINS: string) => parseConfig(ApiConfig, { CORS_ORIGINS }).corsOrigins;
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

describe('CORS_ORIGINS', () => {
  it.each([
    ['https://app.example', ['https://app.example']],
    ['https://App.Example , HTTP://other.example', ['https://app.example', 'http://other.example']],
    ['https://app.example:443,http://app.example:80', ['https://app.example', 'http://app.example']],
    ['https://app.example:8443/', ['https://app.example:8443']],
    ['https://例え.example', ['https://xn--r8jz45g.example']],
  ])('%s is kept as browsers send it: %j', (given, kept) => {
    expect(readOrigins(given)).toEqual(kept);
  });

  it.each([
    ...['https://a.example/S3CRET', 'https://a.example?S3CRET', 'https://a.example#S3CRET', 'https://S3CRET@a.example'],
    ...[
      '*',
      'https://*.a.example',
      'null',
      'a.example',
      'ftp://a.example',
      'https://a.example:99999',
      'https://a.example,',
    ],
  ])('%s is refused, without being repeated', (given) => {
    const rule =
      'CORS_ORIGINS must be origins such as https://app.example, without a path, a query or a user, with commas between';
    expect(() => readOrigins(given)).toThrow(new ConfigInvalidError([rule]));
  });
});
