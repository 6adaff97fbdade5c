import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { RecordKeys } from '#shared/redis/record-keys';
import { connectForRequests } from '#shared/redis/connections';
import { Metrics } from '#shared/process/metrics';
import { type ApiKeyFile, createApiKeyFile, createKey } from '../support/api-key-file';
import { type EntraDouble, startEntra } from '../support/azure/entra-double';
import { checkedOperatorFetch } from '../support/checked-fetch';
import { type OperatorListener, startOperatorListener } from '../support/operator-listener';
import { type RawAnswer, sendRaw } from '../support/send-raw';
import { waitUntil } from '../support/wait-until';

const KEY = createKey();
const OTHER_KEY = createKey();
const CHALLENGE = 'Basic realm="audit-query operators", charset="UTF-8"';
const WRONG = 'The user name or the password is not right.';

/** Every way into the listener, whoever answers. */
const PATHS = [
  ...['/queues', '/queues/', '//queues', '/QUEUES', '/queues/../queues', '/queues/%2e%2e/operator/state'],
  ...['/queues/static/', '/queues/static/js/none.js', '/queues/api/queues', '/metrics', '/operator/state'],
  ...['/operator/queries', '/operator/openapi.json', '/operator/nothing', '/', '/nothing', '/api/queries'],
];

const env = { KEY_PREFIX: `{t-${randomUUID()}}` };
const redis = connectForRequests(inject('redisUrl'));
let file: ApiKeyFile;
let listener: OperatorListener;

beforeAll(async () => {
  file = await createApiKeyFile({ alice: [KEY], bob: [OTHER_KEY] });
  const start = { ...env, OPERATOR_AUTH: 'basic', OPERATOR_KEYS_FILE: file.path, BOARD_READ_ONLY: 'false' };
  listener = await startOperatorListener(inject('redisUrl'), start, new Metrics('api'));
});
afterAll(async () => {
  await listener.stop();
  await file.remove();
  redis.disconnect();
});

const toBasic = (user: string, password: string) =>
  `Basic ${Buffer.from(`${user}:${password}`, 'utf8').toString('base64')}`;
const ask = (authorization: string | undefined, path = '/operator/state', method = 'GET') =>
  sendRaw(listener.url, path, { method, headers: authorization === undefined ? {} : { authorization } });

function expectRefused({ status, headers, body }: RawAnswer, path: string, detail?: string): void {
  expect([path, status, headers['www-authenticate'], headers['content-type'], headers['cache-control']]).toEqual([
    path,
    401,
    CHALLENGE,
    'application/problem+json',
    'no-store',
  ]);
  expect(headers['content-security-policy']).toMatch(/^default-src 'none'/);
  expect(headers['allow']).toBeUndefined();
  const document = JSON.parse(body) as Record<string, unknown>;
  expect(Object.keys(document)).toEqual(['type', 'title', 'status', 'code', 'detail', 'instance', 'error']);
  expect(document).toMatchObject({ status: 401, code: 'UNAUTHENTICATED', ...(detail && { detail }) });
}

describe('without a credential', () => {
  it.each(PATHS)('nobody is let in, by any method, at %s', async (path) => {
    for (const method of ['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS']) {
      expectRefused(await ask(undefined, path, method), path);
    }
    const { status, headers, body } = await ask(undefined, path, 'HEAD');
    expect([status, headers['www-authenticate'], body]).toEqual([401, CHALLENGE, '']);
  });

  it('a path that cannot be decoded stays one that there is not', async () => {
    for (const path of ['/%FF', '/queues/%FF', '/operator/queries/%']) {
      const { status, body } = await ask(undefined, path);
      expect([path, status, (JSON.parse(body) as { code: string }).code]).toEqual([path, 404, 'ROUTE_NOT_FOUND']);
    }
  });

  it('nothing is written down, and nothing is done', async () => {
    await ask(undefined, '/operator/suspend', 'POST');
    expect(await redis.keys(`${new RecordKeys(env.KEY_PREFIX).audit}*`)).toEqual([]);
    await ask(toBasic('alice', OTHER_KEY), '/operator/queries', 'DELETE');
    await ask(undefined, '/queues/api/queues/pause', 'PUT');
    expect(await redis.exists(new RecordKeys(env.KEY_PREFIX).audit)).toBe(0);
    const { body } = await ask(toBasic('alice', KEY));
    expect(JSON.parse(body)).toMatchObject({ suspended: false });
  });
});

describe('a credential', () => {
  it.each(['/queues', '/queues/api/queues', '/metrics', '/operator/state', '/operator/openapi.json'])(
    'opens %s',
    async (path) => {
      expect((await ask(toBasic('alice', KEY), path)).status).toBe(200);
    },
  );

  it('opens what there is, and no more', async () => {
    expect((await ask(toBasic('alice', KEY), '/operator/nothing')).status).toBe(404);
    expect((await ask(`bASIC   ${toBasic('alice', KEY).slice(6)}`)).status).toBe(200);
  });

  it.each<[string, string, string]>([
    ['of another key', toBasic('alice', createKey()), WRONG],
    ['of somebody else', toBasic('alice', OTHER_KEY), WRONG],
    ['of nobody', toBasic('', KEY), WRONG],
    ['of a name in other letters', toBasic('Alice', KEY), WRONG],
    ['without a key', toBasic('alice', ''), WRONG],
    ['of an inherited member', toBasic('__proto__', KEY), WRONG],
    ['with more after the key', toBasic('alice', `${KEY}:`), WRONG],
    [
      'without a colon',
      `Basic ${Buffer.from('alice').toString('base64')}`,
      'The credentials are not of the form: NAME:KEY.',
    ],
    ['as a bearer token', `Bearer ${KEY}`, 'The Authorization header is not of the form: Basic CREDENTIALS.'],
    ['that is no base64', 'Basic §', 'The Authorization header is not of the form: Basic CREDENTIALS.'],
    ['that is empty', 'Basic ', 'The Authorization header is not of the form: Basic CREDENTIALS.'],
    ['that is far too long', `Basic ${'A'.repeat(8_200)}`, 'The credential is too long.'],
  ])('is refused, with the reason, when it is one %s', async (_name, authorization, detail) => {
    expectRefused(await ask(authorization), '/operator/state', detail);
  });

  it('in another header, or in the address, is none', async () => {
    expectRefused(await sendRaw(listener.url, '/operator/state', { headers: { 'x-api-key': KEY } }), '/operator/state');
    expectRefused(await ask(undefined, `/operator/state?key=${KEY}`), '/operator/state');
  });

  it('says who it was in the audit log, the dashboard’s changes too', async () => {
    expect((await ask(toBasic('alice', KEY), '/operator/suspend', 'POST')).status).toBe(200);
    expect((await ask(toBasic('bob', OTHER_KEY), '/operator/resume', 'POST')).status).toBe(200);
    expect((await ask(toBasic('bob', OTHER_KEY), '/queues/api/queues/resume', 'PUT')).status).toBe(200);
    const { body } = await ask(toBasic('alice', KEY), '/operator/audit?count=3');
    const { items } = JSON.parse(body) as { items: { who: string; action: string }[] };
    expect(items.map(({ who, action }) => [who, action])).toEqual([
      ['basic:bob', 'PUT /queues/api/queues/resume'],
      ['basic:bob', 'POST /operator/resume'],
      ['basic:alice', 'POST /operator/suspend'],
    ]);
  });

  it('that is taken off the list is refused, without a restart', async () => {
    const next = createKey();
    await file.write({ alice: [KEY, next] });
    const statusOf = async (key: string) => (await ask(toBasic('alice', key))).status;
    await waitUntil(
      'the second key to be taken',
      () => statusOf(next),
      (status) => status === 200,
    );
    expect((await ask(toBasic('bob', OTHER_KEY))).status).toBe(401);
    expect(await statusOf(KEY)).toBe(200);
  });
});

describe('a token of the tenant', () => {
  let entra: EntraDouble;
  let tenants: OperatorListener;
  const OPERATOR_ROLE = 'Queries.Operate';

  beforeAll(async () => {
    entra = await startEntra();
    const roles = { OPERATOR_AUTH: 'entra', OPERATOR_REQUIRED_ROLE: OPERATOR_ROLE };
    tenants = await startOperatorListener(inject('redisUrl'), {
      KEY_PREFIX: `{t-${randomUUID()}}`,
      ...entra.env,
      ...roles,
    });
  });
  afterAll(async () => {
    await tenants.stop();
    await entra.stop();
  });

  const send = async (token: string, path = '/operator/state', method = 'GET') =>
    checkedOperatorFetch(tenants.url + path, { method, headers: { authorization: `Bearer ${token}` } });

  it('lets in who has the role, and the audit log says who it was', async () => {
    const oid = randomUUID();
    const token = await entra.sign({ roles: [OPERATOR_ROLE], oid });
    expect((await send(token, '/operator/suspend', 'POST')).status).toBe(200);
    const { items } = (await (await send(token, '/operator/audit')).json()) as { items: { who: string }[] };
    expect(items.map(({ who }) => who)).toEqual([`entra:${entra.tenantId}/${oid}`]);
  });

  it.each<[string, Record<string, unknown>]>([
    ['the role of callers', {}],
    ['no role', { roles: undefined }],
    ['a scope of that name', { roles: undefined, scp: OPERATOR_ROLE }],
  ])('is good and not enough with %s', async (_name, claims) => {
    const answer = await send(await entra.sign(claims));
    expect([answer.status, answer.headers.get('www-authenticate')]).toEqual([
      403,
      'Bearer realm="audit-query", error="insufficient_scope"',
    ]);
  });

  it('is asked for on every path', async () => {
    for (const path of PATHS) {
      const { status, headers } = await sendRaw(tenants.url, path);
      expect([path, status, headers['www-authenticate']]).toEqual([path, 401, 'Bearer realm="audit-query"']);
    }
    expect((await send('a.b.c')).status).toBe(401);
    const basic = { authorization: toBasic('alice', KEY) };
    expect((await sendRaw(tenants.url, '/operator/state', { headers: basic })).status).toBe(401);
  });
});

describe('a vault that is away', () => {
  it('lets nobody in, and says to try again', async () => {
    const vault = { KEY_VAULT_URL: 'http://127.0.0.1:1', OPERATOR_KEYS_SECRET: 'operators' };
    const waiting = await startOperatorListener(inject('redisUrl'), { ...env, OPERATOR_AUTH: 'basic', ...vault });
    const answer = await checkedOperatorFetch(`${waiting.url}/operator/state`, {
      headers: { authorization: toBasic('alice', KEY) },
    });
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '5']);
    expect(await answer.json()).toMatchObject({ code: 'AUTH_UNAVAILABLE' });
    await waiting.stop();
  });
});

describe('a list of operators', () => {
  it('that is not there, or not valid, keeps the listener from starting', async () => {
    const start = (path: string) =>
      startOperatorListener(inject('redisUrl'), { ...env, OPERATOR_AUTH: 'basic', OPERATOR_KEYS_FILE: path });
    await expect(start(`${file.path}.none`)).rejects.toThrow(
      'OPERATOR_KEYS_FILE must be a file that can be read (ENOENT)',
    );
    const bad = await createApiKeyFile({ 'a b': [KEY] });
    await expect(start(bad.path)).rejects.toThrow(
      /^The configuration is not valid:\n {2}- OPERATOR_KEYS_FILE: entry 1:/,
    );
    await bad.remove();
  });
});
