import { describe, expect, it } from 'vitest';
import { isLocalTrial, isLoopbackHost } from './loopback';

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

describe('isLoopbackHost', () => {
  it.each(['localhost', 'LOCALHOST:3001', '127.0.0.1', '127.0.0.1:1', '127.1.2.3:80', '[::1]', '[::1]:3001'])(
    'accepts %s',
    (host) => {
      expect(isLoopbackHost(host)).toBe(true);
    },
  );

  it.each([
    ...['', 'a.example', 'localhost.a.example', '127.0.0.1.a.example', 'a.localhost', '0.0.0.0', '[::]', '10.0.0.1'],
    ...['a@localhost', 'localhost:', 'localhost:3001:80', 'localhost, a.example', '::1', '2130706433', ' localhost'],
    undefined,
  ])('refuses %j', (host) => {
    expect(isLoopbackHost(host)).toBe(false);
  });
});
