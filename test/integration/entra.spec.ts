import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { AUDIENCE, type EntraDouble, ROLE, SCOPE, startEntra } from '../support/azure/entra-double';
import { checkedFetch } from '../support/checked-fetch';
import { type PublicListener, startPublicListener } from '../support/public-listener';

const CHALLENGE = 'Bearer realm="audit-query"';
const NOT_VALID = 'The token is not valid.';
const LACKING = 'The token lacks a claim that is asked for.';

let entra: EntraDouble;
let listener: PublicListener;

beforeAll(async () => {
  entra = await startEntra();
  listener = await startPublicListener(inject('redisUrl'), { KEY_PREFIX: `{t-${randomUUID()}}`, ...entra.env });
});
afterAll(async () => {
  await listener.stop();
  await entra.stop();
});

const ask = (token: string, url = listener.url) =>
  checkedFetch(`${url}/api/queries`, { headers: { authorization: `Bearer ${token}` } });

const now = () => Math.floor(Date.now() / 1_000);
const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
const CLAIMS = () => ({
  iss: `${entra.url}/${entra.tenantId}/v2.0`,
  aud: AUDIENCE,
  ...{ nbf: now(), exp: now() + 600, tid: entra.tenantId, oid: randomUUID(), azp: randomUUID(), roles: [ROLE] },
});

async function expectRefused(token: string, reason: string): Promise<void> {
  const answer = await ask(token);
  expect([answer.status, answer.headers.get('www-authenticate'), await answer.json()]).toMatchObject([
    401,
    `${CHALLENGE}, error="invalid_token", error_description="${reason}"`,
    { code: 'UNAUTHENTICATED', detail: reason },
  ]);
}

describe('a token of the tenant', () => {
  it.each<[string, Record<string, unknown>]>([
    ['an application with the role', {}],
    ['one with more roles', { roles: ['Other', ROLE] }],
    ['a user for whom a client has the scope', { roles: undefined, scp: `openid ${SCOPE}` }],
    ['a clock that is half a minute ahead', { nbf: now() + 30 }],
    ['a clock that is half a minute behind', { exp: now() - 30 }],
  ])('lets in %s', async (_name, claims) => {
    expect((await ask(await entra.sign(claims))).status).toBe(200);
  });

  it.each<[string, Record<string, unknown>]>([
    ['no role and no scope', { roles: undefined }],
    ['another role', { roles: ['Queries.Read'] }],
    ['a role that only begins like it', { roles: [`${ROLE}.All`] }],
    ['the role in place of a list', { roles: ROLE }],
    ['another scope', { roles: undefined, scp: 'User.Read' }],
    ['a list of scopes', { roles: undefined, scp: [SCOPE] }],
  ])('is good and not enough with %s', async (_name, claims) => {
    const answer = await ask(await entra.sign(claims));
    expect([answer.status, answer.headers.get('www-authenticate'), await answer.json()]).toMatchObject([
      403,
      `${CHALLENGE}, error="insufficient_scope", scope="${SCOPE}"`,
      { code: 'FORBIDDEN' },
    ]);
  });

  it.each<[string, Record<string, unknown>, string]>([
    [
      'of another issuer',
      { iss: 'https://login.example/v2.0' },
      'The token is not of the issuer that is asked for, version 2.0.',
    ],
    [
      'of version 1.0',
      { iss: 'https://sts.windows.net/x/' },
      'The token is not of the issuer that is asked for, version 2.0.',
    ],
    ['without an issuer', { iss: undefined }, LACKING],
    ['for another service', { aud: randomUUID() }, 'The token is not made out to this service.'],
    ['for nobody', { aud: undefined }, LACKING],
    ['of another tenant', { tid: randomUUID() }, 'The token is not of the tenant that is asked for.'],
    ['of no tenant', { tid: undefined }, LACKING],
    ['that has expired', { exp: now() - 90 }, 'The token has expired.'],
    ['that never expires', { exp: undefined }, LACKING],
    ['that is not valid yet', { nbf: now() + 90 }, 'The token is not valid yet.'],
    ['that says who somebody is', { azp: undefined }, 'The token is not an access token of version 2.0.'],
    ['without an object id', { oid: undefined }, 'The token is not an access token of version 2.0.'],
    ['with an object id that is none', { oid: '*' }, 'The token is not an access token of version 2.0.'],
  ])('is refused, with the reason, when it is one %s', async (_name, claims, reason) => {
    await expectRefused(await entra.sign(claims), reason);
  });

  it('is asked for with a challenge that has no error', async () => {
    const answer = await checkedFetch(`${listener.url}/api/queries`);
    expect([answer.status, answer.headers.get('www-authenticate')]).toEqual([401, CHALLENGE]);
    expect((await checkedFetch(`${listener.url}/api/queries`, { headers: { 'x-api-key': 'aq_1' } })).status).toBe(401);
  });
});

describe('a forged token', () => {
  it('without a signature is refused', async () => {
    for (const alg of ['none', 'None', 'NONE', '']) {
      await expectRefused(`${encode({ alg, typ: 'JWT' })}.${encode(CLAIMS())}.`, NOT_VALID);
    }
  });

  it('signed with the public key as a secret is refused', async () => {
    const { SignJWT } = await import('jose');
    const secret = new TextEncoder().encode(await entra.publicKey());
    const { kid } = JSON.parse(Buffer.from((await entra.sign()).split('.')[0] ?? '', 'base64url').toString()) as {
      kid: string;
    };
    await expectRefused(await new SignJWT(CLAIMS()).setProtectedHeader({ alg: 'HS256', kid }).sign(secret), NOT_VALID);
  });

  it('of an algorithm that the tenant does not use is refused', async () => {
    const { generateKeyPair, SignJWT } = await import('jose');
    for (const alg of ['PS256', 'RS512', 'ES256', 'EdDSA']) {
      const { privateKey } = await generateKeyPair(alg);
      await expectRefused(await new SignJWT(CLAIMS()).setProtectedHeader({ alg }).sign(privateKey), NOT_VALID);
    }
  });

  it('that brings its key, or says where one is, is refused, and nobody is asked', async () => {
    const { exportJWK, generateKeyPair, SignJWT } = await import('jose');
    const { publicKey, privateKey } = await generateKeyPair('RS256');
    const stranger = await startEntra();
    const jwk = await exportJWK(publicKey);
    const place = `${stranger.url}/${stranger.tenantId}/discovery/v2.0/keys`;
    await ask(await entra.sign());
    const { kid } = JSON.parse(Buffer.from((await entra.sign()).split('.')[0] ?? '', 'base64url').toString()) as {
      kid: string;
    };
    for (const header of [
      { jwk },
      { jku: place },
      { x5u: place },
      { jwk, kid },
      { jku: place, kid },
      { x5c: ['AAAA'], kid },
    ]) {
      const token = await new SignJWT(CLAIMS()).setProtectedHeader({ alg: 'RS256', ...header }).sign(privateKey);
      await expectRefused(token, NOT_VALID);
    }
    expect(stranger.requests).toEqual([]);
    await stranger.stop();
  });

  it('with a claim changed is refused', async () => {
    const [header, , signature] = (await entra.sign({ roles: [] })).split('.');
    await expectRefused([header, encode(CLAIMS()), signature].join('.'), NOT_VALID);
  });

  it.each([
    'x',
    '.',
    '..',
    '...',
    'a.b',
    'a.b.c',
    'a.b.c.d.e',
    'e30.e30.',
    'bnVsbA.bnVsbA.AA',
    `${'a'.repeat(2_000)}.b.c`,
  ])('that is no token is refused: %s', (token) => expectRefused(token, NOT_VALID));

  it.each<[string, object]>([
    ['critical extension', { alg: 'RS256', crit: ['x'], x: 1 }],
    ['unencoded payload', { alg: 'RS256', crit: ['b64'], b64: false }],
    ['compression', { alg: 'RS256', zip: 'DEF' }],
    ['id that is no text', { alg: 'RS256', kid: { a: 1 } }],
    ['name of a prototype', { alg: '__proto__', kid: '__proto__' }],
  ])('with a header that has an %s is refused', async (_name, header) => {
    await expectRefused(`${encode(header)}.${encode(CLAIMS())}.AAAA`, NOT_VALID);
  });

  it('that is too large is refused unread, and one that is larger than all headers may be, by 431', async () => {
    await expectRefused('a'.repeat(8_192), 'The credential is too long.');
    const answer = await fetch(`${listener.url}/api/queries`, {
      headers: { authorization: `Bearer ${'a'.repeat(17_000)}` },
    });
    expect([answer.status, answer.headers.get('content-type'), await answer.json()]).toMatchObject([
      431,
      'application/problem+json',
      { code: 'HEADERS_TOO_LARGE' },
    ]);
  });
});

describe('the tenant', () => {
  let own: PublicListener;
  let tenant: EntraDouble;

  beforeEach(async () => {
    tenant = await startEntra();
    own = await startPublicListener(inject('redisUrl'), { KEY_PREFIX: `{t-${randomUUID()}}`, ...tenant.env });
    return async () => {
      await own.stop();
      await tenant.stop();
    };
  });

  const statusOf = async (token: string) => (await ask(token, own.url)).status;

  it('is asked for its keys once, and once more when a token names a new one', async () => {
    const token = await tenant.sign();
    expect(await Promise.all(Array.from({ length: 20 }, () => statusOf(token)))).toEqual(Array(20).fill(200));
    expect(tenant.requests).toHaveLength(1);
    await tenant.rotate();
    expect([await statusOf(await tenant.sign()), await statusOf(token), tenant.requests.length]).toEqual([200, 401, 2]);
  });

  it('is not reached by a flood of tokens with key ids that it does not know', async () => {
    const strangers = await Promise.all(Array.from({ length: 200 }, () => tenant.sign({}, { kid: randomUUID() })));
    const statuses = await Promise.all(strangers.map(statusOf));
    expect([new Set(statuses), tenant.requests.length]).toEqual([new Set([401]), 2]);
  });

  it('may go away: who is known is let in, of others nobody can tell', async () => {
    const token = await tenant.sign();
    expect(await statusOf(token)).toBe(200);
    await tenant.rotate();
    const next = await tenant.sign();
    for (const disturbance of [{ kind: 'away' }, { kind: 'status', status: 500 }] as const) {
      tenant.disturb(disturbance);
      const answer = await ask(next, own.url);
      expect([answer.status, answer.headers.get('retry-after'), await answer.json()]).toMatchObject([
        503,
        '5',
        { code: 'AUTH_UNAVAILABLE' },
      ]);
      expect(await statusOf(token)).toBe(200);
    }
    expect(tenant.requests).toHaveLength(2);
  });

  it.each(['away', 'slow'] as const)(
    'is answered for within three seconds when it is %s from the start',
    async (kind) => {
      tenant.disturb({ kind });
      const token = await tenant.sign();
      const began = performance.now();
      const answer = await checkedFetch(`${own.url}/api/status/x`, { headers: { authorization: `Bearer ${token}` } });
      expect([answer.status, performance.now() - began < 3_000]).toEqual([503, true]);
      expect(await answer.json()).toEqual({
        error: expect.stringContaining('cannot be checked at the moment') as string,
      });
    },
  );
});
