import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { type OperatorListener, startOperatorListener } from '../support/operator-listener';
import { type PublicListener, startPublicListener } from '../support/public-listener';
import { sendRaw } from '../support/send-raw';
import { withEnvironment } from '../support/with-environment';

// Paths and bodies as they are sent, where `fetch` would tidy them up first.

let callers: PublicListener;
let operators: OperatorListener;

beforeAll(async () => {
  const env = { KEY_PREFIX: `{t-${randomUUID()}}` };
  callers = await startPublicListener(inject('redisUrl'), env);
  operators = await startOperatorListener(inject('redisUrl'), env);
});

afterAll(() => Promise.all([callers.stop(), operators.stop()]));

const STYLE = '/api/docs/swagger-ui.css';

describe('the files of the documentation', () => {
  it.each([
    ['/api/docs/x%00y', {}, 404],
    ['/api/docs/%5c..', {}, 404],
    ['/api/docs/..', {}, 404],
    ['/api/docs/../x', {}, 404],
    ['/api/docs/%2e%2e/x', {}, 404],
    [`/api/docs/${'a'.repeat(300)}`, {}, 404],
    ['/api/docs/package.json', {}, 404],
    [STYLE, {}, 200],
    [STYLE, { range: 'bytes=0-5' }, 200],
    [STYLE, { range: 'bytes=5-1' }, 200],
    [STYLE, { range: 'bytes=99999999-' }, 200],
  ])('answers %s with %j by %i', async (path, headers, status) => {
    expect((await sendRaw(callers.url, path, { headers })).status).toBe(status);
  });
});

it('tells the dashboard that its request is wrong, and shows no stack in development', async () => {
  const restore = withEnvironment({ NODE_ENV: 'development' });
  const headers = { 'content-type': 'application/json' };
  const pause = { method: 'PUT', headers, body: '{"a":' };
  const answer = await sendRaw(operators.url, '/queues/api/queues/queries/pause', pause).finally(restore);
  expect(answer.status).toBe(400);
  expect(answer.body).not.toMatch(/node_modules|at .*\.js/);
});

const part = fc.oneof(
  fc.constantFrom('api', 'queries', 'docs', 'queues', 'operator', 'health', 'submit/query', 'static', 'swagger-ui.css'),
  fc.constantFrom('..', '.', '%2e%2e', '%00', '%5c', '%FF', '%c0%ae', ';', '\\', '*', '', '%', '%zz', '?', '#', '//'),
  fc
    .string({ unit: fc.constantFrom(...'%0af./\\*:;?&=+é'), maxLength: 12 })
    .map((text) => text.replaceAll('é', '%C3%A9')),
  fc.constantFrom('a'.repeat(300), '0'.repeat(32), 'f'.repeat(32)),
);
const request = fc.record({
  path: fc.array(part, { maxLength: 6 }).map((parts) => `/${parts.join('/')}`),
  method: fc.constantFrom('GET', 'HEAD', 'OPTIONS', 'POST', 'PUT', 'PATCH', 'DELETE'),
  headers: fc.record(
    {
      'content-type': fc.constantFrom(
        'application/json',
        'text/plain',
        'application/x-www-form-urlencoded',
        ';',
        'a/b',
      ),
      range: fc.constantFrom('bytes=5-1', 'bytes=0-0', 'bytes=-1', 'bytes=99999999-', 'x'),
      accept: fc.constantFrom('*/*', 'text/html', ';q=x', ''),
      'if-none-match': fc.constantFrom('*', '"', 'W/"x"'),
      'if-modified-since': fc.constantFrom('x', 'Thu, 01 Jan 1970 00:00:00 GMT'),
    },
    { requiredKeys: [] },
  ),
  body: fc.constantFrom(undefined, '', '{', '[]', '{"a":1}', 'null', '\u0000'),
});

describe.each(['callers', 'operators'] as const)('the listener of %s', (name) => {
  it('answers no request with a 5xx but 503', async () => {
    const { url } = name === 'callers' ? callers : operators;
    await fc.assert(
      fc.asyncProperty(request, async ({ path, method, headers, body }) => {
        const mayHaveBody = method !== 'GET' && method !== 'HEAD';
        const answer = await sendRaw(url, path, {
          method,
          headers,
          ...(mayHaveBody && body !== undefined ? { body } : {}),
        });
        if (answer.status !== 503) expect(answer.status).toBeLessThan(500);
        expect(answer.body).not.toMatch(/node_modules/);
      }),
      { numRuns: 400 },
    );
  });
});
