import { randomUUID } from 'node:crypto';
import { request } from 'node:http';
import { connect } from 'node:net';
import helmet from '@fastify/helmet';
import fastify from 'fastify';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { RecordKeys } from '#shared/redis/record-keys';
import { createApiKeyFile } from '../support/api-key-file';
import { checkedFetch } from '../support/checked-fetch';
import { type PublicListener, ScriptedWorker, startPublicListener } from '../support/public-listener';

const RANGE = { start: '2021-10-10', end: '2021-12-10' };
const ID = '0123456789abcdef0123456789abcdef';

const keyPrefix = `{t-${randomUUID()}}`;
const waiting = `${new RecordKeys(keyPrefix).queue}:wait`;
let listener: PublicListener;
let worker: ScriptedWorker;

beforeAll(async () => {
  listener = await startPublicListener(inject('redisUrl'), { KEY_PREFIX: keyPrefix });
  worker = new ScriptedWorker(inject('redisUrl'), keyPrefix);
});
afterAll(async () => {
  worker.stop();
  await listener.stop();
});

const get = (path: string) => checkedFetch(listener.url + path);
const post = (body: string, headers: Record<string, string> = {}) =>
  checkedFetch(`${listener.url}/api/queries`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body,
  });

/** Nothing that is refused may leave a job. */
async function expectRefused(ask: () => Promise<Response>, status: number, code?: string): Promise<void> {
  const before = await worker.redis.llen(waiting);
  const answer = await ask();
  const text = await answer.text();
  expect([answer.status, text]).toEqual([
    status,
    code === undefined ? text : expect.stringContaining(`"code":"${code}"`),
  ]);
  expect(await worker.redis.llen(waiting)).toBe(before);
}

/** Each would, in the filter that the table gets, let in more than the range. */
const INJECTIONS = [
  "2021-10-10' or PartitionKey ge '",
  "2021-10-10' or 1 eq 1 or 'a' eq 'a",
  '2021-10-10%27%20or%201%20eq%201',
  "2021-10-10''",
  '2021-10-10\u0000',
  '2021-10-10\n2021-10-11',
  ' 2021-10-10',
  '２０２１-10-10',
  '2021-10-10T00:00:00Z',
  'datetime2021-10-10',
  'not (CertNumber eq null)',
];

describe('a filter in place of a day', () => {
  it.each(INJECTIONS)('is refused in start and end: %j', async (text) => {
    await expectRefused(() => post(JSON.stringify({ ...RANGE, start: text })), 400, 'REQUEST_INVALID');
    await expectRefused(() => post(JSON.stringify({ ...RANGE, end: text })), 400, 'REQUEST_INVALID');
  });

  it.each([
    ['array', [RANGE.start]],
    ['array of two', [RANGE.start, "' or '"]],
    ['object', { eq: RANGE.start }],
    ['number', 20211010],
    ['flag', true],
    ['null', null],
  ])('is refused as an %s', async (_name, value) => {
    await expectRefused(() => post(JSON.stringify({ ...RANGE, start: value })), 400, 'REQUEST_INVALID');
    await expectRefused(() => post(JSON.stringify({ ...RANGE, end: value })), 400, 'REQUEST_INVALID');
  });

  it.each(['0 or 1 eq 1', '0', [0], { gt: 0 }, true, -1, 1e300, 0.5])(
    'is refused in maxAgeSeconds: %j',
    (maxAgeSeconds) => expectRefused(() => post(JSON.stringify({ ...RANGE, maxAgeSeconds })), 400, 'REQUEST_INVALID'),
  );

  it.each(INJECTIONS.filter((text) => text.trim() === text && !text.includes('T')))(
    'is refused on the original’s route: %j',
    async (text) => {
      for (const [s, e] of [
        [text, '10/12/2021'],
        ['10/10/2021', text],
      ] as const) {
        const query = new URLSearchParams({ s, e }).toString();
        await expectRefused(() => get(`/api/submit/query?${query}`), 400);
        const error = expect.stringMatching(/^(Invalid|Empty) (start|end) date/) as string;
        expect(await (await get(`/api/submit/query?${query}`)).json()).toEqual({ error });
      }
    },
  );

  it.each([
    's=10/10/2021&s=11/10/2021&e=10/12/2021',
    's=10/10/2021&e=10/12/2021&e=1',
    's[]=10/10/2021&e=10/12/2021',
    's[a]=1&e=10/12/2021',
  ])('is refused as a list of parameters: %s', (query) => expectRefused(() => get(`/api/submit/query?${query}`), 400));

  it.each([
    "' or 1 eq 1",
    `${ID}' or '`,
    '*',
    '..',
    '%00',
    `${ID}:lock`,
    ID.toUpperCase(),
    '1'.repeat(32),
    '__proto__',
  ])('is an unknown id: %j', async (text) => {
    const id = encodeURIComponent(text).replace(/^\.\.$/, '%2e%2e%2f');
    await expectRefused(() => get(`/api/queries/${id}`), 404);
    await expectRefused(() => get(`/api/queries/${id}/result`), 404);
    await expectRefused(() => get(`/api/queries/${id}/events`), 404);
    await expectRefused(() => get(`/api/status/${id}`), 404);
    await expectRefused(() => checkedFetch(`${listener.url}/api/queries/${id}`, { method: 'DELETE' }), 404);
  });

  it.each([
    "status=Running' or '",
    'status[]=Running',
    "createdAfter=2021-10-10' or '",
    'createdBefore=2021-10-10&createdBefore=2022-10-10',
    'pageSize=1&pageSize=2',
    'pageSize=1%20or%201',
    'pageSize=[1]',
    "pageToken=1-0' or '",
    `pageToken=1-${ID}&pageToken=2-${ID}`,
    'pageToken=%2binf',
    '__proto__=1',
    '__proto__[status]=Running',
    'constructor=1',
    'toString=1',
    'hasOwnProperty=1',
  ])('is refused in the list: %s', (query) =>
    expectRefused(() => get(`/api/queries?${query}`), 400, 'REQUEST_INVALID'),
  );

  it.each(['wait=1&wait=2', 'wait=1e9', 'wait=-1', 'wait[]=1'])('is no wait: %s', async (query) => {
    const status = query.startsWith('wait[') ? 404 : 400;
    await expectRefused(() => get(`/api/queries/${ID}?${query}`), status);
  });
});

describe('a body', () => {
  const nested = (open: string, close: string, depth: number) => `${open.repeat(depth)}1${close.repeat(depth)}`;

  it.each<[string, string]>([
    ['arrays', nested('[', ']', 8_000)],
    ['arrays in start', `{"start":${nested('[', ']', 7_900)},"end":"2021-10-10"}`],
    [
      'objects in maxAgeSeconds',
      `{"start":"2021-10-10","end":"2021-10-10","maxAgeSeconds":${nested('{"a":', '}', 2_500)}}`,
    ],
    ['objects in an unknown member', `{"start":"2021-10-10","end":"2021-10-10","x":${nested('{"a":', '}', 2_500)}}`],
  ])('that is nested thousands deep is refused: %s', (_name, body) =>
    expectRefused(() => post(body), 400, 'REQUEST_INVALID'),
  );

  it('of more than 16 KiB is refused, whatever length it claims', async () => {
    await expectRefused(() => post(JSON.stringify({ ...RANGE, x: 'x'.repeat(17_000) })), 413, 'BODY_TOO_LARGE');
    const body = new ReadableStream({
      pull: (controller) => controller.enqueue(new TextEncoder().encode('x'.repeat(4_096))),
    });
    const endless = { method: 'POST', body, duplex: 'half', headers: { 'content-type': 'application/json' } };
    await expectRefused(
      () => checkedFetch(`${listener.url}/api/queries`, endless as RequestInit),
      413,
      'BODY_TOO_LARGE',
    );
  });

  it.each([
    '{"__proto__":{"start":"2021-10-10"},"end":"2021-10-10"}',
    '{"start":"2021-10-10","end":"2021-10-10","__proto__":null}',
    '{"start":"2021-10-10","end":"2021-10-10","\\u005f_proto__":{"caller":"x"}}',
    '{"start":"2021-10-10","end":"2021-10-10","constructor":{"prototype":{"x":1}}}',
  ])('that would change a prototype is refused: %s', async (body) => {
    await expectRefused(() => post(body), 400, 'BODY_NOT_JSON');
    expect(({} as Record<string, unknown>)['x']).toBeUndefined();
  });

  it.each(['constructor', 'toString', 'hasOwnProperty', 'caller', 'id', 'version'])(
    'that has a member of another’s name is refused: %s',
    (name) => expectRefused(() => post(JSON.stringify({ ...RANGE, [name]: 'x' })), 400, 'REQUEST_INVALID'),
  );

  it.each([
    '{"start":"2021-10-10","end":"2021-10-10","start":"2021-10-11"}',
    '{"start":"2021-10-10","end":"2021-10-10","start":"2021-10-10"}',
    '{"start":"2021-10-10","end":"2021-10-10","st\\u0061rt":"2021-10-11"}',
    '{"start":"2021-10-10","end":"2021-10-10","maxAgeSeconds":0,"maxAgeSeconds" : 60}',
  ])('that names a member twice is refused, since readers differ in which they take: %s', (body) =>
    expectRefused(() => post(body), 400, 'BODY_NOT_JSON'),
  );

  it('with two types, or two texts, is refused', async () => {
    await expectRefused(() => post(JSON.stringify(RANGE), { 'content-type': 'text/plain, application/json' }), 415);
    await expectRefused(() => post(`${JSON.stringify(RANGE)}${JSON.stringify(RANGE)}`), 400, 'BODY_NOT_JSON');
  });
});

describe('an address that the request gives', () => {
  const FORGED = {
    host: 'evil.example',
    forwarded: 'host=evil.example;proto=https',
    'x-forwarded-host': 'evil.example',
    'x-forwarded-proto': 'https',
    'x-forwarded-prefix': '/evil',
    'x-original-url': '/evil',
    'x-http-method-override': 'DELETE',
  };

  /** `fetch` lets nobody choose `Host`. */
  const ask = (url: string, method: string, path: string, body = '') =>
    new Promise<{ status: number; headers: Record<string, unknown>; body: string }>((resolve, reject) => {
      const headers = { ...FORGED, 'content-type': 'application/json' };
      const sent = request(url + path, { method, headers }, (answer) => {
        let text = '';
        answer.on('data', (chunk: Buffer) => (text += chunk.toString()));
        answer.on('end', () => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: text }));
      });
      sent.on('error', reject).end(body);
    });

  it.each([
    ['', '/api/'],
    ['https://audit.example', 'https://audit.example/api/'],
    ['https://例え.example/道/', 'https://xn--r8jz45g.example/%E9%81%93/api/'],
  ])('is in no answer, with the public address %j', async (PUBLIC_BASE_URL, begins) => {
    const own = await startPublicListener(inject('redisUrl'), {
      KEY_PREFIX: `{t-${randomUUID()}}`,
      PUBLIC_BASE_URL,
      // By any name.
      ALLOW_ANONYMOUS: 'true',
    });
    const submitted = await ask(own.url, 'POST', '/api/queries', JSON.stringify(RANGE));
    const { id } = JSON.parse(submitted.body) as { id: string };
    const answers = [
      submitted,
      await ask(own.url, 'GET', `/api/queries/${id}/result`),
      await ask(own.url, 'GET', '/api/submit/query?s=10/10/2021&e=10/12/2021'),
    ];
    expect(answers.map(({ status }) => status)).toEqual([202, 202, 202]);
    for (const { headers } of answers) expect(String(headers['location']).startsWith(begins)).toBe(true);
    const others = [
      '/api/queries',
      '/api/queries?pageSize=1',
      '/api/docs',
      '/api/openapi.json',
      `/api/queries/${ID}`,
      '/evil',
    ];
    for (const path of others) answers.push(await ask(own.url, 'GET', path));
    expect(JSON.stringify(answers)).not.toContain('evil.example');
    await own.stop();
  });
});

describe('what every answer has', () => {
  const POLICY = "default-src 'none';base-uri 'none';form-action 'none';frame-ancestors 'none'";
  const HEADERS = {
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-resource-policy': 'same-origin',
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
  };

  it.each([
    ['GET', '/api/queries', POLICY],
    ['PUT', '/api/queries', POLICY],
    ['GET', '/api/other', POLICY],
    ['GET', `/api/queries/${ID}`, POLICY],
    ['GET', `/api/status/${ID}`, POLICY],
    ['GET', '/health/live', POLICY],
    ['GET', '/api/openapi.json', POLICY],
    ['GET', '/api/docs', "default-src 'none'; script-src 'self' 'sha256-"],
  ])('keeps browsers from taking it for anything else: %s %s', async (method, path, policy) => {
    const answer = await checkedFetch(listener.url + path, { method });
    const headers = Object.fromEntries(answer.headers);
    // The documentation is the same for everyone.
    const caching = /^\/api\/(docs|openapi)/.test(path) ? 'public, max-age=300' : 'no-store';
    expect(headers).toMatchObject({ ...HEADERS, 'cache-control': caching });
    expect(headers['content-security-policy']?.startsWith(policy)).toBe(true);
    for (const name of ['x-powered-by', 'server', 'strict-transport-security']) expect(headers[name]).toBeUndefined();
  });

  it('is what Helmet would send, but for what only browsers of long ago knew', async () => {
    const own = await startPublicListener(inject('redisUrl'), {
      KEY_PREFIX: `{t-${randomUUID()}}`,
      PUBLIC_BASE_URL: 'https://audit.example',
    });
    const bare = fastify();
    const none = ["'none'"];
    await bare.register(helmet, {
      contentSecurityPolicy: {
        useDefaults: false,
        directives: { defaultSrc: none, baseUri: none, formAction: none, frameAncestors: none },
      },
      strictTransportSecurity: { maxAge: 31_536_000, includeSubDomains: false },
      xFrameOptions: { action: 'deny' },
    });
    const { headers } = await bare.inject('/');
    const answer = await checkedFetch(`${own.url}/api/queries`);
    const old = [
      'x-dns-prefetch-control',
      'x-download-options',
      'x-permitted-cross-domain-policies',
      'x-xss-protection',
    ];
    const others = ['origin-agent-cluster', 'content-type', 'content-length', 'date', 'connection'];
    for (const name of [...old, ...others]) delete headers[name];
    expect(Object.keys(headers)).toHaveLength(7);
    expect(Object.fromEntries(answer.headers)).toMatchObject(headers);
    await own.stop();
    await bare.close();
  });

  it('says that https is to be kept to, where the public address is https', async () => {
    const own = await startPublicListener(inject('redisUrl'), {
      KEY_PREFIX: `{t-${randomUUID()}}`,
      PUBLIC_BASE_URL: 'https://audit.example',
    });
    const answer = await checkedFetch(`${own.url}/api/queries`);
    expect(answer.headers.get('strict-transport-security')).toBe('max-age=31536000');
    await own.stop();
  });

  it('is no echo: TRACE is refused as any other method', async () => {
    const file = await createApiKeyFile({ a: ['aq_1'] });
    const own = await startPublicListener(inject('redisUrl'), { KEY_PREFIX: `{t-${randomUUID()}}`, ...file.env });
    const answer = await new Promise<string>((resolve) => {
      const socket = connect(Number(new URL(own.url).port), '127.0.0.1');
      let text = '';
      socket.on('data', (chunk) => (text += chunk.toString()));
      socket.on('close', () => resolve(text));
      socket.write('TRACE /api/queries HTTP/1.1\r\nHost: a\r\nx-api-key: aq_1\r\nConnection: close\r\n\r\n');
    });
    expect(answer).toMatch(/^HTTP\/1\.1 405 /);
    expect(answer).not.toContain('aq_1');
    await own.stop();
    await file.remove();
  });

  it('is told as a problem too where the request is not HTTP', async () => {
    const answer = await new Promise<string>((resolve) => {
      const socket = connect(Number(new URL(listener.url).port), '127.0.0.1');
      let text = '';
      socket.on('data', (chunk) => (text += chunk.toString()));
      socket.on('close', () => resolve(text));
      socket.write('hello\r\n\r\n');
    });
    expect(answer).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
    expect(answer).toContain('Content-Type: application/problem+json');
    expect(answer).toContain('"code":"REQUEST_UNREADABLE"');
  });
});

describe('a script of another origin', () => {
  it('may send a credential where its origin is named, and is told the methods of the route', async () => {
    const own = await startPublicListener(inject('redisUrl'), {
      KEY_PREFIX: `{t-${randomUUID()}}`,
      CORS_ORIGINS: 'https://app.example',
    });
    const ask = (origin: string) =>
      checkedFetch(`${own.url}/api/queries`, {
        method: 'OPTIONS',
        headers: {
          origin,
          'access-control-request-method': 'POST',
          'access-control-request-headers': 'authorization,x-api-key',
        },
      });
    const answer = await ask('https://app.example');
    expect([answer.status, Object.fromEntries(answer.headers)]).toMatchObject([
      204,
      {
        allow: 'POST, GET, HEAD',
        'access-control-allow-origin': 'https://app.example',
        'access-control-allow-headers': 'authorization,x-api-key',
      },
    ]);
    // A browser that sends what it keeps for the service of its own accord would let others act in a caller's name.
    expect(answer.headers.get('access-control-allow-credentials')).toBeNull();
    expect((await ask('https://app.example.evil')).headers.get('access-control-allow-origin')).toBeNull();
    expect((await ask('null')).headers.get('access-control-allow-origin')).toBeNull();
    await own.stop();
  });
});
