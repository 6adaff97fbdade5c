import { describe, expect, it } from 'vitest';
import { refuseForeignHost } from './refuse-foreign-host';

describe('the host of a request that nobody vouches for', () => {
  it.each(['localhost', 'LOCALHOST:3001', '127.0.0.1', '127.0.0.1:1', '127.1.2.3:80', '[::1]', '[::1]:3001'])(
    'may be %s',
    (host) => {
      expect(() => refuseForeignHost({ host })).not.toThrow();
    },
  );

  it.each([
    ...['', 'a.example', 'localhost.a.example', '127.0.0.1.a.example', 'a.localhost', '0.0.0.0', '[::]', '10.0.0.1'],
    ...['a@localhost', 'localhost:', 'localhost:3001:80', 'localhost, a.example', '::1', '2130706433', ' localhost'],
  ])('is refused when it is %j', (host) => {
    expect(() => refuseForeignHost({ host })).toThrow('HOST_NOT_ALLOWED');
  });

  it('is refused when it is missing', () => {
    expect(() => refuseForeignHost({})).toThrow('HOST_NOT_ALLOWED');
  });
});
