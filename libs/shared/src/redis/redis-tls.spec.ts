import type { PeerCertificate } from 'node:tls';
import { describe, expect, it } from 'vitest';
import { createRedisTls } from './redis-tls';
import { parseRedisUrl } from './redis-url';

const certificateFor = (names: string) =>
  ({ subject: { CN: '' }, subjectaltname: names }) as unknown as PeerCertificate;

/** What is wrong with the certificate of a server that a cluster has told of. */
function check(host: string, names: string): Error | undefined {
  const tls = createRedisTls(parseRedisUrl('rediss+cluster://cache.example.test:10000,other.example.test:10000'));
  return tls?.checkServerIdentity?.(host, certificateFor(names));
}

describe('a server of a cluster or of sentinels', () => {
  it.each([
    ['the name that it goes by', 'node-1.example', 'DNS:node-1.example'],
    ['its address', '10.0.0.7', 'IP Address:10.0.0.7'],
    ['a name that was configured, where it goes by an address', '10.0.0.7', 'DNS:cache.example.test'],
    ['another one', '10.0.0.7', 'DNS:other.example.test'],
    ['all names of a domain', '10.0.0.7', 'DNS:*.example.test'],
  ])('may have a certificate for %s', (_, host, names) => {
    expect(check(host, names)).toBeUndefined();
  });

  it('may have none for a name that nobody knows', () => {
    expect(check('10.0.0.7', 'DNS:evil.test')?.message).toContain('10.0.0.7');
  });
});

it('is no matter where there is no TLS', () => {
  expect(createRedisTls(parseRedisUrl('redis://cache.example'))).toBeUndefined();
});
