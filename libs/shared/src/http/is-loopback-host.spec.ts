import { describe, expect, it } from 'vitest';
import { isLoopbackHost } from './is-loopback-host';

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
