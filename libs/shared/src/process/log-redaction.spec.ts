import { describe, expect, it } from 'vitest';
import { scrubSecrets } from './log-redaction';

const KEY = `${'Q2FuYXJ5'.repeat(10)}Q2FuYQ==`;

describe('scrubSecrets', () => {
  it.each([
    ['a signature in an address', 'GET https://acct.table.core.windows.net/audit()?sv=2019&sig=canary%2Fsig failed'],
    ['a continuation token in an address', 'no reply from http://127.0.0.1:1/audit()?NextRowKey=canary'],
    ['the password of Redis', 'cannot connect to rediss://default:canary@cache.example:6380/0'],
    [
      'a password of Redis that is not percent-encoded',
      'at redis://:canary/canary@canary?canary@cache.example:6380 it is',
    ],
    ['the password of a cluster', 'at rediss+cluster://canary:canary@a.example:10000,b.example:10000'],
    [
      'the passwords of sentinels',
      'at redis+sentinel://:canary@a:26379,b:26379/primary/1?sentinel_username=canary&sentinel_password=canary',
    ],
    ['a password of sentinels that stands alone', 'sentinel_password=canary'],
    ['a connection string', 'DefaultEndpointsProtocol=https;AccountName=acct;AccountKey=canary==;EndpointSuffix=x'],
    ['a shared access signature', 'TableEndpoint=https://acct.table.example;SharedAccessSignature=sv=1&canary'],
    ['a signature behind an escaped ampersand', String.raw`audit()?sv=1\u0026sig=canary%2Fsig\u0026se=2`],
    [
      'a signature in an address that is a parameter',
      'from=https%3A%2F%2Fa%2Faudit%28%29%3Fsv%3D1%26sig%3Dcanary%252B%26se%3D2',
    ],
    ['a signature as a member of JSON', '{"sv":"1","sig":"canary"}'],
    ['a signature as a member of JSON in a text', String.raw`{\"sv\":\"1\",\"sig\":\"canary\"}`],
    ['a signature as a member of a printed object', "{ sv: '1', sig: 'canary' }, { 'sig' => 'canary' }"],
    ['a signed request', 'Authorization: SharedKeyLite acct:canary+canary/canary='],
    ['a bearer token', 'authorization: Bearer canary.canary-canary_canary'],
    ['a token that stands alone', 'refused eyJhbGciOiJub25lIn0.canary.canary'],
    ['a key of a caller', 'unknown key aq_canarycanarycanarycanary'],
    ['a form', 'client_secret=canary&scope=x'],
    ['a storage key that stands alone', `bad key ${KEY}`],
  ])('takes out %s', (_, text) => {
    const scrubbed = scrubSecrets(text);
    expect(scrubbed).not.toMatch(/canary|Q2FuYXJ5/);
    expect(scrubbed).toContain('[redacted]');
  });

  it.each([
    'connect ECONNREFUSED 127.0.0.1:6379',
    'the table answered 503 ServerBusy at https://acct.table.core.windows.net/audit()',
    'Public listener at http://127.0.0.1:3000',
    'query 433ebcfe85ec4012abe94dcda2aa6b00, trace 0af7651916cd43dd8448eb211c80319c',
  ])('leaves alone what says where and what: %s', (text) => {
    expect(scrubSecrets(text)).toBe(text);
  });

  it('leaves a line of JSON one, with what stands behind the secret', () => {
    const line = { msg: 'at https://a.example/x?sig=canary', url: 'redis://u:canary@h:1', code: 'X' };
    expect(JSON.parse(scrubSecrets(JSON.stringify(line)))).toEqual({
      msg: 'at https://a.example/x?[redacted]',
      url: 'redis://[redacted]@h:1',
      code: 'X',
    });
  });
});
