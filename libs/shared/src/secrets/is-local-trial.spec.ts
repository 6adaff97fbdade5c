import { describe, expect, it } from 'vitest';
import { isLocalTrial } from '#shared/secrets/is-local-trial';

describe('isLocalTrial', () => {
  it.each(['http://127.0.0.1:4000', 'https://localhost', 'http://[::1]:4000/'])('is so on loopback: %s', (url) => {
    expect(isLocalTrial(url, 'development')).toBe(true);
    expect(isLocalTrial(url, 'test')).toBe(true);
  });

  it.each(['http://127.0.0.1:4000', 'https://localhost', 'http://[::1]:4000/'])(
    'is never so in production: %s',
    (url) => {
      expect(isLocalTrial(url, 'production')).toBe(false);
    },
  );

  it.each([
    'https://a.vault.azure.net',
    'http://127.0.0.1.a.example',
    'http://localhost.a.example',
    'http://127.0.0.1@a.example',
    'http://a.example/127.0.0.1',
    'no URL',
  ])('is not so elsewhere: %s', (url) => {
    expect(isLocalTrial(url, 'development')).toBe(false);
  });
});
