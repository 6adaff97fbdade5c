import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { type OperatorListener, startOperatorListener } from '../support/operator-listener';
import { type PublicListener, ScriptedWorker, startPublicListener } from '../support/public-listener';
import { openRawLine } from '../support/raw-line';

// Answers as they are sent, also those that the HTTP parser causes before any route is reached.

const POLICY = "default-src 'none';base-uri 'none';form-action 'none';frame-ancestors 'none'";
const HEADERS = {
  'content-security-policy': POLICY,
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
};
const HSTS = { 'strict-transport-security': 'max-age=31536000' };

const receiveTimes = { requestTimeout: 300, http: { headersTimeout: 300, connectionsCheckingInterval: 50 } };
const keyPrefix = `{t-${randomUUID()}}`;
let callers: PublicListener;
let operators: OperatorListener;
let worker: ScriptedWorker;

beforeAll(async () => {
  const env = { KEY_PREFIX: keyPrefix, PUBLIC_BASE_URL: 'https://audit.example', CORS_ORIGINS: 'https://app.example' };
  callers = await startPublicListener(inject('redisUrl'), env, { receiveTimes });
  operators = await startOperatorListener(inject('redisUrl'), env, undefined, { receiveTimes });
  worker = new ScriptedWorker(inject('redisUrl'), keyPrefix);
});

afterAll(async () => {
  worker.stop();
  await Promise.all([callers.stop(), operators.stop()]);
});

/** The head of the answer to exactly these lines, and its body as far as it has come with it. */
async function exchange(url: string, request: string) {
  const line = await openRawLine(url);
  line.socket.write(request);
  const [head = '', body = ''] = (await line.hears(/\r\n\r\n/)).split('\r\n\r\n');
  line.socket.destroy();
  const [status = '', ...lines] = head.split('\r\n');
  const headers = Object.fromEntries(
    lines.map((text) => [text.slice(0, text.indexOf(':')).toLowerCase(), text.slice(text.indexOf(':') + 2)]),
  );
  return { status: Number(status.split(' ')[1]), headers, body };
}

const get = (path: string, more = '') => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n${more}\r\n`;
const post = (path: string, length: number) =>
  `POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n\r\n`;

/** What the parser or Node itself gives up on. */
const UNREADABLE: [string, string, number, string][] = [
  ['bytes that are not HTTP', 'hello\r\n\r\n', 400, 'REQUEST_UNREADABLE'],
  ['headers beyond the limit', get('/', `X: ${'a'.repeat(17_000)}\r\n`), 431, 'HEADERS_TOO_LARGE'],
  ['a request that does not arrive', 'GET / HTTP/1.1\r\n', 408, 'REQUEST_TOO_SLOW'],
  ['a request without Host', 'GET /health/live HTTP/1.1\r\n\r\n', 400, 'REQUEST_UNREADABLE'],
  ['a second Host', get('/health/live', 'Host: other.example\r\n'), 400, 'REQUEST_UNREADABLE'],
  ['the same Host twice', get('/operator/state', 'host: localhost\r\n'), 400, 'REQUEST_UNREADABLE'],
  ['a second Host where there is no route', get('/nothing', 'Host: localhost\r\n'), 400, 'REQUEST_UNREADABLE'],
];

describe('the callers’ listener behind an https address', () => {
  it.each(UNREADABLE)('sends every security header with the answer to %s', async (_name, request, status, code) => {
    const answer = await exchange(callers.url, request);
    expect(answer).toMatchObject({ status, headers: { ...HEADERS, ...HSTS } });
    expect(answer.headers).toMatchObject({ 'content-type': 'application/problem+json', 'cache-control': 'no-store' });
    expect(JSON.parse(answer.body)).toMatchObject({ status, code, type: `/api/docs#${code}` });
  });

  it.each<[string, string, number]>([
    ['a path that cannot be decoded', get('/%FF'), 404],
    ['a path that does not exist', get('/nothing'), 404],
    ['a method that the route lacks', 'PUT /api/queries HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n', 405],
    ['an expectation that no server meets', get('/health/live', 'Expect: a-miracle\r\n'), 200],
    ['a body beyond the limit', post('/api/queries', 1_000_000), 413],
    ['a body that is not JSON', `${post('/api/queries', 1)}{`, 400],
    ['a foreign Host', 'GET /api/queries HTTP/1.1\r\nHost: a.example\r\n\r\n', 403],
    ['HTTP/1.0 without Host', 'GET /health/live HTTP/1.0\r\n\r\n', 200],
    ['a list', get('/api/queries'), 200],
    ['a probe', get('/health/live'), 200],
    ['the original’s route', get('/api/submit/query'), 400],
    ['OPTIONS', 'OPTIONS /api/queries HTTP/1.1\r\nHost: localhost\r\n\r\n', 204],
  ])('sends every security header with the answer to %s', async (_name, request, status) => {
    expect(await exchange(callers.url, request)).toMatchObject({ status, headers: { ...HEADERS, ...HSTS } });
  });

  it.each<[string, string, number]>([
    [
      'a preflight',
      get('/api/queries', 'Origin: https://app.example\r\nAccess-Control-Request-Method: POST\r\n').replace(
        'GET',
        'OPTIONS',
      ),
      204,
    ],
    ['the documentation', get('/api/docs'), 200],
    ['a file of the documentation', get('/api/docs/swagger-ui.css'), 200],
    ['an unchanged file of the documentation', get('/api/docs/swagger-ui.css', 'If-None-Match: *\r\n'), 304],
    ['the document', get('/api/openapi.json'), 200],
  ])('sends HSTS with %s', async (_name, request, status) => {
    expect(await exchange(callers.url, request)).toMatchObject({ status, headers: HSTS });
  });

  it('sends HSTS with an event stream, a long poll and the page of a query', async () => {
    const body = JSON.stringify({ start: '2021-10-10', end: '2021-12-10' });
    const submitted = await exchange(callers.url, post('/api/queries', body.length) + body);
    expect(submitted).toMatchObject({ status: 202, headers: HSTS });
    const id = /\/api\/queries\/(\w+)\//.exec(submitted.headers['location'] ?? '')?.[1] ?? '';
    for (const request of [
      get(`/api/queries/${id}/events`),
      get(`/api/queries/${id}`, 'Accept: text/event-stream\r\n'),
      get(`/api/queries/${id}`, 'Accept: text/html\r\n'),
      get(`/api/queries/${id}/result?wait=0`),
    ]) {
      expect((await exchange(callers.url, request)).headers).toMatchObject(HSTS);
    }
  });
});

it('sends no HSTS where the public address is not https', async () => {
  for (const PUBLIC_BASE_URL of ['', 'http://audit.example']) {
    const own = await startPublicListener(inject('redisUrl'), { KEY_PREFIX: keyPrefix, PUBLIC_BASE_URL });
    for (const request of ['hello\r\n\r\n', get('/health/live'), get('/%FF')]) {
      const { headers } = await exchange(own.url, request);
      expect(headers).toMatchObject(HEADERS);
      expect(headers).not.toHaveProperty('strict-transport-security');
    }
    await own.stop();
  }
});

describe('the operators’ listener', () => {
  it.each(UNREADABLE)('sends every security header with the answer to %s', async (_name, request, status, code) => {
    const answer = await exchange(operators.url, request);
    expect(answer).toMatchObject({ status, headers: HEADERS });
    expect(answer.headers).toMatchObject({ 'content-type': 'application/problem+json', 'cache-control': 'no-store' });
    const type = `/operator/openapi.json#/components/examples/${code}`;
    expect(JSON.parse(answer.body)).toMatchObject({ status, code, type });
  });

  it.each<[string, string, number]>([
    ['a path that cannot be decoded', get('/%FF'), 404],
    ['a path that does not exist', get('/nothing'), 404],
    [
      'a method that the route lacks',
      'PUT /operator/state HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n',
      405,
    ],
    ['an expectation that no server meets', get('/operator/state', 'Expect: a-miracle\r\n'), 200],
    ['a foreign Host', 'GET /queues HTTP/1.1\r\nHost: a.example\r\n\r\n', 403],
    [
      'a change from another site',
      get('/queues/api/queues/pause', 'Origin: https://a.example\r\n').replace('GET', 'PUT'),
      403,
    ],
    ['a document', get('/operator/state'), 200],
    ['the OpenAPI document', get('/operator/openapi.json'), 200],
    ['a path that only begins like that of the dashboard', get('/queuesother'), 404],
  ])('sends every security header with the answer to %s', async (_name, request, status) => {
    expect(await exchange(operators.url, request)).toMatchObject({ status, headers: HEADERS });
  });

  it.each(['/queues', '/queues/', '/queues/queue/queries', '/queues/api/queues', '/queues/static/nothing.js'])(
    'lets the dashboard load its own files and styles: %s',
    async (path) => {
      const { headers } = await exchange(operators.url, get(path));
      const { 'content-security-policy': policy, ...others } = HEADERS;
      expect(headers).toMatchObject(others);
      expect(headers['content-security-policy']).not.toBe(policy);
      expect(headers['content-security-policy']).toMatch(
        /^default-src 'none'; script-src 'self'; style-src 'self' 'un/,
      );
    },
  );
});
