import { describe, expect, it } from 'vitest';
import { findRedisUrlProblem, parseRedisUrl, type RedisAddress, createRedisTls } from './redis-url';
import type { PeerCertificate } from 'node:tls';

const server = (host: string, port: number, more: object = {}) => ({
  ...{ kind: 'server', isTls: false, hosts: [{ host, port }], db: 0, credentials: {} },
  ...more,
});

describe('parseRedisUrl', () => {
  it.each<[string, object]>([
    ['redis://127.0.0.1:6379', server('127.0.0.1', 6_379)],
    ['redis://cache.example', server('cache.example', 6_379)],
    ['redis://default@cache.example/', server('cache.example', 6_379, { credentials: { username: 'default' } })],
    ['redis://[::1]:6380/2', server('::1', 6_380, { db: 2 })],
    ['redis://:123%23abc@host', server('host', 6_379, { credentials: { password: '123#abc' } })],
    [
      'rediss://default:p%40ss@cache.example:10000/0?family=6',
      server('cache.example', 10_000, {
        ...{ isTls: true, family: 6, credentials: { username: 'default', password: 'p@ss' } },
      }),
    ],
    [
      'redis+sentinel://a,b.example:26380,[::1]:26381/primary',
      {
        ...{ kind: 'sentinel', isTls: false, masterName: 'primary', db: 0, credentials: {}, sentinelCredentials: {} },
        hosts: [
          { host: 'a', port: 26_379 },
          { host: 'b.example', port: 26_380 },
          { host: '::1', port: 26_381 },
        ],
      },
    ],
    [
      'rediss+sentinel://me:p%2Fw%3A@a:1/my%20primary/3?sentinel_username=s&sentinel_password=p%26w',
      {
        ...{ kind: 'sentinel', isTls: true, hosts: [{ host: 'a', port: 1 }], masterName: 'my primary', db: 3 },
        credentials: { username: 'me', password: 'p/w:' },
        sentinelCredentials: { username: 's', password: 'p&w' },
      },
    ],
    [
      'rediss+cluster://:p%25w@a.example:10000,b.example:10000',
      {
        ...{ kind: 'cluster', isTls: true, credentials: { password: 'p%w' } },
        hosts: [
          { host: 'a.example', port: 10_000 },
          { host: 'b.example', port: 10_000 },
        ],
      },
    ],
    ['redis+cluster://a/0', { kind: 'cluster', isTls: false, hosts: [{ host: 'a', port: 6_379 }], credentials: {} }],
  ])('reads %s', (url, address) => {
    expect(parseRedisUrl(url)).toEqual(address as RedisAddress);
  });
});

describe('findRedisUrlProblem', () => {
  const forms = /^must be redis:/;
  const encoded = /percent-encoded, such as %23 for #/;
  it.each<[string, RegExp]>([
    ['canary', forms],
    ['https://canary.example', forms],
    ['redis://canary:x', forms],
    ['redis://canary:1,canary:2', forms],
    ['redis://canary,canary', /must say what several hosts are/],
    ['redis://canary/canary', /number as its database/],
    ['redis://:canary%@canary', encoded],
    ['redis://default:123#canary@canary', encoded],
    ['redis://:canary#canary@canary', encoded],
    ['redis://default:123/canary@canary', encoded],
    ['redis://default:123?canary@canary', encoded],
    ['redis://:canary?canary@canary', encoded],
    ['redis://canary#', /must have no fragment/],
    ...['enableOfflineQueue=true', 'db=3', 'keyPrefix=canary', 'family=5', 'family'].map((query): [string, RegExp] => [
      `redis://canary?${query}`,
      /no other parameter than family=4 or family=6/,
    ]),
    ['redis://canary@canary', /must have a password behind the user name/],
    ['redis+sentinel://canary:26379', /must name the primary/],
    ['redis+sentinel:///canary', forms],
    ['redis+sentinel://canary/canary/canary', /number as its database/],
    ['redis+sentinel://canary/canary/1/2', /number as its database/],
    ['redis+sentinel://canary/canary?password=canary', /no other parameters than sentinel_username/],
    ['redis+sentinel://:canary%zz@canary/canary', encoded],
    ['redis+sentinel://:canary/canary@canary/canary', encoded],
    ['redis+sentinel://:canary@canary@canary/canary', encoded],
    ['redis+sentinel://:canary#canary@canary/canary', encoded],
    ['redis+sentinel://canary/canary#canary', /must have no fragment/],
    ['redis+sentinel://canary@canary/canary', /must have a password behind the user name/],
    ['redis+sentinel://canary/canary?sentinel_username=canary', /must have a password behind the user name/],
    ['redis+cluster://:canary#canary@canary', encoded],
    ['redis+cluster://:canary?canary@canary', encoded],
    ['redis+cluster://canary#canary', /must have no fragment/],
    ['redis+cluster://canary:0', forms],
    ['redis+cluster://canary:65536', forms],
    ['redis+cluster://canary:1,,canary:2', forms],
    ['redis+cluster://canary/1', /must name no database/],
    ['redis+cluster://canary?canary=1', /must have no parameters/],
    ['redis+canary://canary', forms],
  ])('says what is wrong, and no part of it: %s', (url, sentence) => {
    const problem = findRedisUrlProblem(url);
    expect(problem).toMatch(sentence);
    expect(problem).not.toContain('canary');
  });
});

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
