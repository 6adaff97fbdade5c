import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { type IdentityEndpoint, startIdentityEndpoint } from '../support/azure/identity-endpoint';
import { type KeyVaultDouble, startKeyVault } from '../support/azure/key-vault-double';
import type { Disturbance } from '../support/azure/scripted-server';
import { type ApiKeyFile, createApiKeyFile, createKey, toKeyList } from '../support/api-key-file';
import { checkedFetch } from '../support/checked-fetch';
import { toSubmission } from '../support/conversation';
import { type PublicListener, startPublicListener } from '../support/public-listener';
import { startApi, waitUntilReady } from '../support/service-processes';
import { startTcpProxy } from '../support/tcp-proxy';
import { waitUntil } from '../support/wait-until';
import { withEnvironment } from '../support/with-environment';

/** What `openapi.json` says of who may use an operation; absent: whoever has a credential. */
type Paths = Record<string, Record<string, { security?: object[] }>>;

const UNKNOWN = '0123456789abcdef0123456789abcdef';
const KEY = createKey();
const CHALLENGE = 'Bearer realm="audit-query"';

let file: ApiKeyFile;
let listener: PublicListener;

beforeAll(async () => {
  file = await createApiKeyFile({ reporting: [KEY] });
  listener = await startPublicListener(inject('redisUrl'), { KEY_PREFIX: `{t-${randomUUID()}}`, ...file.env });
});
afterAll(async () => {
  await listener.stop();
  await file.remove();
});

const ask = (headers: Record<string, string>, path = '/api/queries', method = 'GET') =>
  checkedFetch(listener.url + path, { method, headers });
const statusOf = async (key: string) => (await ask({ 'x-api-key': key })).status;

describe('an API key', () => {
  it.each<[string, Record<string, string>]>([
    ['in a header of its own', { 'x-api-key': KEY }],
    ['as a bearer token', { authorization: `Bearer ${KEY}` }],
    ['in both places', { 'x-api-key': KEY, authorization: `bearer ${KEY}` }],
  ])('lets its caller in: %s', async (_name, headers) => {
    expect((await ask(headers)).status).toBe(200);
  });

  it.each<[string, Record<string, string>, string]>([
    ['missing', {}, ''],
    ['unknown', { 'x-api-key': createKey() }, 'The API key is not known.'],
    ['almost right', { 'x-api-key': KEY.slice(0, -1) }, 'The API key is not known.'],
    ['empty', { 'x-api-key': '' }, ''],
    ['given twice', { 'x-api-key': `${KEY}, ${KEY}` }, 'The API key is not known.'],
    [
      'one here and another there',
      { 'x-api-key': KEY, authorization: `Bearer ${createKey()}` },
      'There are two API keys that differ.',
    ],
    [
      'beside a password',
      { 'x-api-key': KEY, authorization: 'Basic YTpi' },
      'The Authorization header is not of the form: Bearer TOKEN.',
    ],
    ['far too long', { 'x-api-key': 'x'.repeat(9_000) }, 'The credential is too long.'],
  ])('lets nobody in that is %s', async (_name, headers, reason) => {
    const answer = await ask(headers);
    expect(answer.status).toBe(401);
    const error = reason === '' ? '' : `, error="invalid_token", error_description="${reason}"`;
    expect(answer.headers.get('www-authenticate')).toBe(CHALLENGE + error);
    const problem = (await answer.json()) as { code: string; detail: string };
    expect(problem.code).toBe('UNAUTHENTICATED');
    if (reason !== '') expect(problem.detail).toBe(reason);
  });

  it.each(['key', 'api_key', 'x-api-key', 'access_token', 'authorization'])(
    'is not looked for in the address: %s',
    async (name) => {
      expect((await ask({}, `/api/queries?${name}=${KEY}`)).status).toBe(401);
    },
  );

  it('is asked for on every route but those that have nothing of anyone', async () => {
    const { paths } = JSON.parse(readFileSync('openapi.json', 'utf8')) as { paths: Paths };
    const operations = Object.entries(paths).flatMap(([path, item]) =>
      Object.entries(item).flatMap(([method, { security }]) =>
        method.startsWith('x-')
          ? []
          : [{ path, method, isOpen: security?.every((one) => Object.keys(one).length === 0) }],
      ),
    );
    const open = operations.filter(({ isOpen }) => isOpen).map(({ path }) => path);
    expect(open.sort()).toEqual(['/api/docs', '/api/openapi.json', '/health/live', '/health/ready']);
    for (const { path, method, isOpen = false } of operations) {
      const { status } = await ask({}, path.replace('{id}', UNKNOWN), method.toUpperCase());
      expect([method, path, status]).toEqual([method, path, isOpen ? 200 : 401]);
    }
    expect((await ask({}, '/api/queries', 'HEAD')).status).toBe(401);
    expect((await ask({}, '/api/queries/no-id')).status).toBe(401);
    expect((await fetch(`${listener.url}/api/docs/swagger-ui.css`)).status).toBe(200);
    expect((await ask({}, '/api/queries', 'OPTIONS')).status).toBe(204);
    expect((await ask({}, '/api/queries', 'PUT')).status).toBe(405);
    expect((await ask({}, '/api/other')).status).toBe(404);
  });

  it('is asked for in a way that scripts of other origins can read', async () => {
    const env = { ...file.env, KEY_PREFIX: `{t-${randomUUID()}}`, CORS_ORIGINS: 'https://app.example' };
    const other = await startPublicListener(inject('redisUrl'), env);
    try {
      const answer = await checkedFetch(`${other.url}/api/queries`, { headers: { origin: 'https://app.example' } });
      expect(answer.status).toBe(401);
      expect(answer.headers.get('access-control-allow-origin')).toBe('https://app.example');
      expect(answer.headers.get('access-control-expose-headers')).toContain('WWW-Authenticate');
    } finally {
      await other.stop();
    }
  });

  it('is asked for in the form of the original on its routes', async () => {
    const answer = await ask({}, `/api/status/${UNKNOWN}`);
    expect([answer.status, answer.headers.get('www-authenticate'), await answer.json()]).toEqual([
      401,
      CHALLENGE,
      { error: expect.stringContaining('The request has no valid credential.') as string },
    ]);
  });

  it('is asked for before the body is read and anything is validated', async () => {
    const bad = (body: string, type: string) =>
      checkedFetch(`${listener.url}/api/queries`, { method: 'POST', body, headers: { 'content-type': type } });
    const answers = [await bad('{', 'application/json'), await bad('x'.repeat(20_000), 'text/plain')];
    expect(answers.map(({ status }) => status)).toEqual([401, 401]);
    expect((await ask({}, '/api/submit/query?s=x')).status).toBe(401);
  });

  it('is what a page tells a person whose browser cannot send it', async () => {
    const answer = await ask({ accept: 'text/html' }, `/api/queries/${UNKNOWN}`);
    expect([answer.status, answer.headers.get('content-type')]).toEqual([401, 'text/html; charset=utf-8']);
    expect(await answer.text()).toContain('<h1>This page needs a credential</h1>');
    expect((await ask({ accept: 'text/html', 'x-api-key': KEY }, `/api/queries/${UNKNOWN}`)).status).toBe(404);
  });

  it('is refused without Redis: a flood of guesses reaches nothing', async () => {
    const { hostname, port } = new URL(inject('redisUrl'));
    const proxy = await startTcpProxy({ host: hostname, port: Number(port) });
    const guarded = await startPublicListener(`redis://127.0.0.1:${proxy.port}`, {
      KEY_PREFIX: `{t-${randomUUID()}}`,
      ...file.env,
    });
    proxy.setMode('cut');
    const guess = (key: string) =>
      checkedFetch(`${guarded.url}/api/queries`, {
        ...toSubmission({ start: 'x', end: 'y' }),
        headers: { 'x-api-key': key },
      });
    const answers = await Promise.all(Array.from({ length: 200 }, () => guess(createKey())));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([401]));
    expect((await checkedFetch(`${guarded.url}/api/queries`, { headers: { 'x-api-key': KEY } })).status).toBe(503);
    await guarded.stop();
    await proxy.stop();
  });
});

describe('the list of keys', () => {
  const become = (key: string, status: number) =>
    waitUntil(
      `${status} for the key`,
      () => statusOf(key),
      (seen) => seen === status,
    );

  it('is read again when its file changes, so that a key is replaced without a restart', async () => {
    const next = createKey();
    expect(await statusOf(next)).toBe(401);
    await file.write({ reporting: [KEY, next] });
    await become(next, 200);
    expect(await statusOf(KEY)).toBe(200);
    await file.write({ reporting: [next] });
    await become(KEY, 401);
    expect(await statusOf(next)).toBe(200);
    await file.write({ reporting: [KEY] });
    await become(KEY, 200);
  });

  it('stays as it was when it becomes invalid or goes, which is logged without a value', async () => {
    const key = createKey();
    const own = await createApiKeyFile({ a: [key] });
    const api = await startApi({ REDIS_URL: inject('redisUrl'), KEY_PREFIX: `{t-${randomUUID()}}`, ...own.env });
    await waitUntilReady(api);
    const status = async (one: string) =>
      (await checkedFetch(`${api.url}/api/queries`, { headers: { 'x-api-key': one } })).status;
    const logged = (text: string) =>
      waitUntil(
        `a line of the log: ${text}`,
        () => api.output(),
        (log) => log.includes(text),
      );
    expect(await status(key)).toBe(200);
    await own.writeText('[{"caller":"S3CRET"');
    await logged('API_KEYS_FILE: the former list stays: the list must be JSON');
    expect(await status(key)).toBe(200);
    await own.writeText('[{"caller":"S3CRET of a","sha256":"S3CRET"}]');
    await logged('entry 1: sha256 must be 64');
    await own.remove();
    await logged('the former list stays: ENOENT');
    expect([await status(key), await api.end()]).toEqual([200, 0]);
    expect(api.output()).not.toMatch(/S3CRET|aq_/);
  });

  it.each([
    ['[', 'API_KEYS_FILE: the list must be JSON'],
    ['[{}]', 'API_KEYS_FILE: entry 1: sha256 must be 64 lower-case hexadecimal digits'],
  ])('keeps the service from starting when it is %s', async (text, sentence) => {
    const own = await createApiKeyFile({});
    await own.writeText(text);
    await expect(startApi(own.env)).rejects.toThrow(sentence);
    await own.remove();
    await expect(startApi(own.env)).rejects.toThrow('API_KEYS_FILE must be a file that can be read (ENOENT)');
  });
});

describe('the list of keys in a vault', () => {
  const NAME = 'api-keys';
  let identity: IdentityEndpoint;
  let vault: KeyVaultDouble;
  let restore: () => void;

  beforeAll(async () => {
    identity = await startIdentityEndpoint();
    vault = await startKeyVault({ [NAME]: toKeyList({ a: [KEY] }) });
    restore = withEnvironment(identity.env);
  });
  afterAll(async () => {
    restore();
    await Promise.all([vault.stop(), identity.stop()]);
  });

  const env = () => ({
    KEY_PREFIX: `{t-${randomUUID()}}`,
    AUTH_MODE: 'api-key',
    API_KEYS_SECRET: NAME,
    KEY_VAULT_URL: vault.url,
    SECRET_REFRESH_SECONDS: '1',
  });

  it('is read again now and then; while the vault is away, the former one stays', async () => {
    const own = await startPublicListener(inject('redisUrl'), env());
    const status = async (key: string) =>
      (await checkedFetch(`${own.url}/api/queries`, { headers: { 'x-api-key': key } })).status;
    await waitUntil(
      'the list to be read',
      () => status(KEY),
      (seen) => seen === 200,
    );
    const next = createKey();
    expect([await status(KEY), await status(next)]).toEqual([200, 401]);
    vault.set(NAME, toKeyList({ a: [KEY, next] }));
    await waitUntil(
      'the new key to be let in',
      () => status(next),
      (seen) => seen === 200,
    );
    vault.disturb({ kind: 'away' });
    const asked = vault.requests.length;
    await waitUntil(
      'the vault to be asked in vain',
      () => vault.requests.length,
      (seen) => seen > asked,
    );
    expect([await status(KEY), await status(next)]).toEqual([200, 200]);
    vault.disturb(undefined);
    await own.stop();
  });

  it.each<[string, () => void, () => void]>([
    ['the vault is away', () => vault.disturb({ kind: 'away' }), () => vault.disturb(undefined)],
    ['there is no such secret', () => vault.delete(NAME), () => vault.set(NAME, toKeyList({ a: [KEY] }))],
    ['it is no list', () => vault.set(NAME, 'S3CRET'), () => vault.set(NAME, toKeyList({ a: [KEY] }))],
  ])('is waited for, while nobody is let in and the service is not ready: %s', async (_what, disturb, mend) => {
    disturb();
    const own = await startPublicListener(inject('redisUrl'), env());
    const ask = (path: string) => checkedFetch(`${own.url}${path}`, { headers: { 'x-api-key': KEY } });
    const refused = await ask('/api/queries');
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '5']);
    expect(await refused.json()).toMatchObject({ code: 'AUTH_UNAVAILABLE' });
    expect(await (await ask('/health/ready')).json()).toMatchObject({ code: 'NOT_READY' });
    mend();
    await waitUntil(
      'the service to be ready',
      async () => (await ask('/health/ready')).status,
      (status) => status === 200,
    );
    expect((await ask('/api/queries')).status).toBe(200);
    await own.stop();
  });

  it.each<[string, (what: Disturbance | undefined) => void]>([
    ['the vault', (what) => vault.disturb(what)],
    ['whoever gives the identity', (what) => identity.disturb(what)],
  ])('is asked for while the service lives already, also where %s says nothing', async (_who, disturb) => {
    disturb({ kind: 'slow' });
    // A process of its own, which has no token yet.
    const operators = { OPERATOR_AUTH: 'basic', OPERATOR_KEYS_SECRET: 'operator-keys' };
    const api = await startApi({ ...env(), ...operators, ...identity.env, REDIS_URL: inject('redisUrl') });
    expect(api.output()).not.toContain('trying again');
    const status = async (url: string) => (await checkedFetch(url, { headers: { 'x-api-key': KEY } })).status;
    const paths = ['/health/live', '/health/ready', '/api/queries'];
    expect(await Promise.all(paths.map((path) => status(api.url + path)))).toEqual([200, 503, 503]);
    expect((await fetch(`${api.operatorUrl}/operator/state`)).status).toBe(503);
    expect(await api.end()).toBe(0);
    disturb(undefined);
  });

  it('may be asked for in vain until the service goes', async () => {
    vault.disturb({ kind: 'away' });
    const own = await startPublicListener(inject('redisUrl'), env());
    await own.stop();
    vault.disturb(undefined);
  });
});
