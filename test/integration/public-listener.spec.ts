import { randomUUID } from 'node:crypto';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { ApiConfig } from '#shared/config/api-config';
import { QUERY_JOB } from '#shared/contract/query-job';
import { parseConfig } from '#shared/config/parse-config';
import { connectForMessages, connectForRequests } from '#shared/redis/connections';
import type { RedisClient } from '#shared/redis/redis-client';
import { createPublicApp } from '../../apps/api/src/public/public.app';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy';
import { waitUntil } from '../support/wait-until';

const JSON_TYPE = { 'content-type': 'application/json' };
const RANGE = { start: '2021-10-10', end: '2021-12-10' };
const UNKNOWN = '0123456789abcdef0123456789abcdef';

const NO_LIMITS = {
  SUBMISSIONS_PER_MINUTE: '100000',
  LIVE_QUERIES_PER_CALLER: '100000',
  POLLS_PER_MINUTE: '100000',
  REQUESTS_PER_MINUTE: '1000000',
};

const prefix = `{t-${randomUUID()}}`;
const keyOfWaiting = `${prefix}:queries:wait`;
let proxy: TcpProxy;
let redis: RedisClient;
let subscriber: Redis;
let direct: RedisClient;
let app: NestFastifyApplication;

beforeAll(async () => {
  const { hostname, port } = new URL(inject('redisUrl'));
  proxy = await startTcpProxy({ host: hostname, port: Number(port) });
  direct = connectForRequests(inject('redisUrl'));
  redis = connectForRequests(`redis://127.0.0.1:${proxy.port}`);
  redis.on('error', () => {});
  const config = parseConfig(ApiConfig, {
    KEY_PREFIX: prefix,
    PUBLIC_BASE_URL: 'https://audit.example/',
    // By any name.
    ALLOW_ANONYMOUS: 'true',
    ...NO_LIMITS,
  });
  subscriber = connectForMessages(`redis://127.0.0.1:${proxy.port}`, redis);
  subscriber.on('error', () => {});
  app = await createPublicApp({ config, redis, subscriber, logger: { log() {}, error() {}, warn() {} } });
  await app.getHttpAdapter().getInstance().ready();
  await waitUntil(
    'Redis to be connected',
    () => redis.status,
    (status) => status === 'ready',
  );
});

afterAll(async () => {
  await app.close();
  redis.disconnect();
  direct.disconnect();
  await proxy.stop();
});

const inject_ = (method: string, url: string, headers: Record<string, string> = {}, payload?: string) =>
  app.inject({ method: method as 'GET', url, headers, ...(payload === undefined ? {} : { payload }) });

const submit = (body: object = RANGE) => inject_('POST', '/api/queries', JSON_TYPE, JSON.stringify(body));

describe('a submission', () => {
  it('is answered with 202, where to look next, and when', async () => {
    const answer = await submit();
    const document = answer.json<{ id: string; createdAt: string }>();
    expect(answer.statusCode).toBe(202);
    expect(document).toEqual({
      id: expect.stringMatching(/^[0-9a-f]{32}$/) as string,
      status: 'Pending',
      request: { ...RANGE, maxAgeSeconds: 0 },
      createdAt: expect.stringMatching(/^20\d\d-.*Z$/) as string,
      startedAt: null,
      finishedAt: null,
      expiresAt: null,
      progress: {
        percent: 0,
        daysTotal: 62,
        daysDone: 0,
        daysReused: 0,
        entitiesRead: 0,
        etaSeconds: null,
        atLeast: 0,
      },
      result: null,
      error: null,
      links: {
        self: `/api/queries/${document.id}`,
        result: `/api/queries/${document.id}/result`,
        events: `/api/queries/${document.id}/events`,
      },
    });
    expect(answer.headers).toMatchObject({
      location: `https://audit.example/api/queries/${document.id}/result`,
      'retry-after': '1',
      'cache-control': 'no-store',
    });
    const status = await inject_('GET', `/api/queries/${document.id}`);
    expect([status.statusCode, status.json()]).toEqual([200, document]);
    expect(status.headers['location']).toBeUndefined();
    const result = await inject_('GET', `/api/queries/${document.id}/result`);
    expect([result.statusCode, result.json()]).toEqual([202, document]);
    expect(result.headers['location']).toBe(answer.headers['location']);
  });

  it('is found at once, a thousand times', async () => {
    for (let round = 0; round < 1_000; round += 1) {
      const { links } = (await submit()).json<{ links: { self: string; result: string } }>();
      expect((await inject_('GET', links.self)).statusCode).toBe(200);
      expect((await inject_('GET', links.result)).statusCode).toBe(202);
    }
  });

  it('has a Location that no header of the request has a say in', async () => {
    const headers = { ...JSON_TYPE, host: 'evil.example', 'x-forwarded-host': 'evil.example', forwarded: 'host=evil' };
    const answer = await inject_('POST', '/api/queries', headers, JSON.stringify(RANGE));
    expect(answer.headers['location']).toMatch(/^https:\/\/audit\.example\/api\/queries\/[0-9a-f]{32}\/result$/);
  });
});

describe('bad input', () => {
  const body = JSON.stringify(RANGE);
  it.each<[string, string, string, Record<string, string>, string | undefined, number, string]>([
    ['no body', 'POST', '/api/queries', {}, undefined, 400, 'BODY_MISSING'],
    ['an empty body', 'POST', '/api/queries', JSON_TYPE, '', 400, 'BODY_MISSING'],
    ['no JSON', 'POST', '/api/queries', JSON_TYPE, '{', 400, 'BODY_NOT_JSON'],
    ['a key of the prototype', 'POST', '/api/queries', JSON_TYPE, '{"__proto__":{}}', 400, 'BODY_NOT_JSON'],
    [
      'a form',
      'POST',
      '/api/queries',
      { 'content-type': 'application/x-www-form-urlencoded' },
      'a=b',
      415,
      'MEDIA_TYPE_UNSUPPORTED',
    ],
    ['a text', 'POST', '/api/queries', { 'content-type': 'text/plain' }, body, 415, 'MEDIA_TYPE_UNSUPPORTED'],
    [
      'an unknown member',
      'POST',
      '/api/queries',
      JSON_TYPE,
      '{"start":"2021-10-10","end":"2021-10-10","x":1}',
      400,
      'REQUEST_INVALID',
    ],
    ['wrong types', 'POST', '/api/queries', JSON_TYPE, '{"start":1,"end":[]}', 400, 'REQUEST_INVALID'],
    [
      'an impossible day',
      'POST',
      '/api/queries',
      JSON_TYPE,
      '{"start":"2021-02-30","end":"2021-03-01"}',
      400,
      'REQUEST_INVALID',
    ],
    [
      'end before start',
      'POST',
      '/api/queries',
      JSON_TYPE,
      '{"start":"2021-02-02","end":"2021-02-01"}',
      400,
      'QUERY_RANGE_INVALID',
    ],
    [
      'a range that is too long',
      'POST',
      '/api/queries',
      JSON_TYPE,
      '{"start":"2020-01-01","end":"2021-12-31"}',
      400,
      'QUERY_RANGE_TOO_LONG',
    ],
    ['a body over 16 KiB', 'POST', '/api/queries', JSON_TYPE, `${body}${' '.repeat(16_384)}`, 413, 'BODY_TOO_LARGE'],
    ['an id that is no id', 'GET', '/api/queries/42', {}, undefined, 404, 'QUERY_NOT_FOUND'],
    ['an unknown id', 'GET', `/api/queries/${UNKNOWN}`, {}, undefined, 404, 'QUERY_NOT_FOUND'],
    ['the result of an unknown id', 'GET', `/api/queries/${UNKNOWN}/result`, {}, undefined, 404, 'QUERY_NOT_FOUND'],
    ['terminating an unknown id', 'DELETE', `/api/queries/${UNKNOWN}`, {}, undefined, 404, 'QUERY_NOT_FOUND'],
    ['an id that is far too long', 'GET', `/api/queries/${'a'.repeat(1_000)}`, {}, undefined, 404, 'QUERY_NOT_FOUND'],
    [
      'a compressed body',
      'POST',
      '/api/queries',
      { ...JSON_TYPE, 'content-encoding': 'gzip' },
      body,
      415,
      'MEDIA_TYPE_UNSUPPORTED',
    ],
    ['a bad percent-encoding', 'GET', '/api/queries/%FF', {}, undefined, 404, 'ROUTE_NOT_FOUND'],
    ['an unknown route', 'GET', '/api/other', {}, undefined, 404, 'ROUTE_NOT_FOUND'],
    ['a method that the route lacks', 'PUT', '/api/queries', {}, undefined, 405, 'METHOD_NOT_ALLOWED'],
  ])('%s: %s %s', async (_name, method, url, headers, payload, status, code) => {
    const waiting = await direct.llen(keyOfWaiting);
    const answer = await inject_(method, url, headers, payload);
    const problem = answer.json<Record<string, unknown>>();
    expect([answer.statusCode, answer.headers['content-type']]).toEqual([status, 'application/problem+json']);
    const { title, detail } = problem;
    expect(problem).toEqual({
      type: `/api/docs#${code}`,
      title: expect.any(String) as string,
      status,
      code,
      detail: expect.any(String) as string,
      instance: url,
      error: { code, message: detail },
    });
    expect(title).not.toBe('');
    expect(await direct.llen(keyOfWaiting)).toBe(waiting);
  });

  it('names the methods that a route has', async () => {
    expect((await inject_('PUT', '/api/queries')).headers['allow']).toBe('POST, GET, HEAD');
    expect((await inject_('PATCH', `/api/queries/${UNKNOWN}`)).headers['allow']).toBe('GET, HEAD, DELETE');
    // HEAD, which link checkers send, would submit a query as GET does.
    for (const method of ['HEAD', 'PUT'] as const) {
      const answer = await inject_(method, '/api/submit/query?s=10/10/2021&e=12/10/2021');
      expect([answer.statusCode, answer.headers['allow']]).toEqual([405, 'GET, POST']);
    }
    const options = await inject_('OPTIONS', '/api/queries');
    expect([options.statusCode, options.headers['allow']]).toEqual([204, 'POST, GET, HEAD']);
  });
});

describe('terminating', () => {
  it('ends a query that nobody has begun, at once and for good, and takes it off the queue', async () => {
    const { id } = (await submit()).json<{ id: string }>();
    const first = await inject_('DELETE', `/api/queries/${id}`);
    expect([first.statusCode, first.json()]).toMatchObject([
      202,
      { status: 'Terminated', error: { code: 'QUERY_TERMINATED' } },
    ]);
    const second = await inject_('DELETE', `/api/queries/${id}`);
    expect([second.statusCode, second.json()]).toEqual([200, first.json()]);
    const result = await inject_('GET', `/api/queries/${id}/result`);
    expect([result.statusCode, result.json()]).toMatchObject([409, { code: 'QUERY_TERMINATED' }]);
    expect((await inject_('GET', `/api/queries/${id}`)).json()).toEqual(first.json());
    expect(await direct.lrange(keyOfWaiting, 0, -1)).not.toContain(id);
  });

  it('has one winner when many ask at once', async () => {
    const { id } = (await submit()).json<{ id: string }>();
    const answers = await Promise.all(Array.from({ length: 10 }, () => inject_('DELETE', `/api/queries/${id}`)));
    expect(answers.filter(({ statusCode }) => statusCode === 202)).toHaveLength(1);
    expect(new Set(answers.map(({ body }) => body)).size).toBe(1);
  });
});

describe('the original’s routes', () => {
  it.each([
    ['', 'Empty start date.'],
    ['?s=10/08/2021&e=abcd', 'Invalid end date format.'],
    ['?s=xyz&e=10/08/2021', 'Invalid start date format.'],
    ['?s=10/08/2021', 'Empty end date.'],
    ['?s=10/08/2021&e=05/08/2021', 'Invalid date range.'],
    ['?s=10/10/2021&s=1&e=10/12/2021', 'Invalid start date format.'],
  ])('refuse %s as the original did', async (query, text) => {
    for (const method of ['GET', 'POST']) {
      const answer = await inject_(method, `/api/submit/query${query}`);
      expect([answer.statusCode, answer.json()]).toEqual([400, { error: text }]);
    }
  });

  it.each(['GET', 'POST'])('take a query by %s, whatever its body', async (method) => {
    const headers: Record<string, string> =
      method === 'POST' ? { 'content-type': 'application/x-www-form-urlencoded' } : {};
    const payload = method === 'POST' ? 'a=b' : undefined;
    const answer = await inject_(method, '/api/submit/query?s=10/10/2021&e=10/12/2021', headers, payload);
    const { statusUri } = answer.json<{ statusUri: string }>();
    expect(answer.statusCode).toBe(202);
    const refused = await inject_(method, '/api/submit/query/?s=10/10/2021', headers, payload);
    expect([refused.statusCode, refused.json()]).toEqual([400, { error: 'Empty end date.' }]);
    expect(answer.json()).toEqual({ statusUri: answer.headers['location'] });
    // A thousand are waiting by now.
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(50);
    const { pathname } = new URL(statusUri);
    const id = pathname.split('/').at(-1);
    const status = await inject_('GET', pathname);
    expect([status.statusCode, status.json()]).toEqual([202, { id, status: 'Pending', result: null }]);
    expect(status.headers['location']).toBe(statusUri);
    await inject_('DELETE', `/api/queries/${id}`);
    const ended = await inject_('GET', pathname);
    const result = expect.stringMatching(/^QUERY_TERMINATED: /) as string;
    expect([ended.statusCode, ended.json()]).toEqual([200, { id, status: 'Terminated', result }]);
  });

  it('do not know what is not there', async () => {
    const answer = await inject_('GET', `/api/status/${UNKNOWN}`);
    expect([answer.statusCode, answer.headers['content-type'], answer.body]).toEqual([
      404,
      'text/plain',
      'Job not found',
    ]);
  });
});

describe('errors on the original’s routes', () => {
  it.each<[string, string, number, string]>([
    ['POST', '/api/submit/query', 413, '{"error":"The body is too large. Send at most 16 KiB."}'],
    [
      'PUT',
      '/api/submit/query',
      405,
      '{"error":"The route does not answer to this method. Use one of the methods that the Allow header names."}',
    ],
    ['GET', '/api/status/%zz', 404, 'Job not found'],
    ['GET', `/api/status/${'a'.repeat(1_000)}`, 404, 'Job not found'],
  ])('are texts: %s %s', async (method, url, status, text) => {
    const answer = await inject_(method, url, {}, method === 'POST' ? 'x'.repeat(20_000) : undefined);
    expect([answer.statusCode, answer.body]).toEqual([status, text]);
  });
});

describe('a Redis that stalls in the middle of a submission', () => {
  it('leaves no job behind that was answered with 503', async () => {
    const waiting = await direct.llen(keyOfWaiting);
    // The job itself is on its way when nothing goes on any more, and arrives in the end.
    proxy.holdFrom(QUERY_JOB);
    const answer = await submit();
    expect([answer.statusCode, answer.headers['retry-after']]).toEqual([503, '5']);
    proxy.setMode('pass');
    const { id } = (
      await waitUntil(
        'Redis to answer',
        () => submit(),
        ({ statusCode }) => statusCode === 202,
      )
    ).json<{ id: string }>();
    await waitUntil(
      'the other job to be taken away',
      () => direct.llen(keyOfWaiting),
      (length) => length === waiting + 1,
    );
    expect(await direct.lindex(keyOfWaiting, 0)).toBe(id);
  });
});

describe('without Redis', () => {
  it.each(['cut', 'silent'] as const)(
    'says 503 within two seconds, and queues nothing for later (%s)',
    async (mode) => {
      const { id } = (await submit()).json<{ id: string }>();
      const waiting = await direct.llen(keyOfWaiting);
      proxy.setMode(mode);
      for (const [method, url] of [
        ['POST', '/api/queries'],
        ['GET', `/api/queries/${id}`],
        ['DELETE', `/api/queries/${id}`],
        ['GET', '/api/submit/query?s=10/10/2021&e=10/12/2021'],
        ['GET', '/health/ready'],
      ] as const) {
        const begun = performance.now();
        const answer = await inject_(
          method,
          url,
          method === 'POST' ? JSON_TYPE : {},
          method === 'POST' ? JSON.stringify(RANGE) : undefined,
        );
        expect([url, answer.statusCode, answer.headers['retry-after']]).toEqual([url, 503, '5']);
        expect(performance.now() - begun).toBeLessThan(2_000);
      }
      expect((await inject_('GET', '/health/live')).statusCode).toBe(200);
      proxy.setMode('cut');
      proxy.setMode('pass');
      await waitUntil(
        'readiness',
        async () => (await inject_('GET', '/health/ready')).statusCode,
        (status) => status === 200,
      );
      expect(await direct.llen(keyOfWaiting)).toBe(waiting);
      expect((await inject_('GET', `/api/queries/${id}`)).statusCode).toBe(200);
    },
  );
});

describe('the documentation', () => {
  it('is a page and a document, served by the service itself', async () => {
    expect((await inject_('GET', '/api/docs')).headers['content-type']).toMatch('text/html');
    const { paths } = (await inject_('GET', '/api/openapi.json')).json<{ paths: object }>();
    expect(Object.keys(paths)).toEqual(expect.arrayContaining(['/api/queries', '/api/queries/{id}/result']));
  });
});
