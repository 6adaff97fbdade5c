import { randomUUID } from 'node:crypto';
import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { createApiKeyFile, createKey } from '../support/api-key-file';
import { type PublicListener, startPublicListener } from '../support/public-listener';

const ID = '0123456789abcdef0123456789abcdef';
const SUBMISSION = JSON.stringify({ start: '2021-10-10', end: '2021-12-10' });

let listener: PublicListener;

beforeAll(async () => {
  listener = await startPublicListener(inject('redisUrl'), { KEY_PREFIX: `{t-${randomUUID()}}` });
});
afterAll(() => listener.stop());

/** `fetch` lets nobody choose `Host`. */
function ask(url: string, method: string, path: string, headers: Record<string, string>) {
  return new Promise<{ status: number; body: string }>((resolve, reject) => {
    const sent = request(
      url + path,
      { method, headers: { ...headers, 'content-type': 'application/json' } },
      (answer) => {
        let body = '';
        answer.on('data', (chunk: Buffer) => (body += chunk.toString()));
        answer.on('end', () => resolve({ status: answer.statusCode ?? 0, body }));
      },
    );
    sent.on('error', reject).end(method === 'POST' ? SUBMISSION : '');
  });
}

describe('a name that points to this machine, and is not its own', () => {
  // What a page of such a name has its visitor's browser send: to that page, the listener is of its own origin.
  const rebound = { host: 'rebound.example', origin: 'http://rebound.example' };

  it.each([
    ['POST', '/api/queries'],
    ['GET', '/api/queries'],
    ['GET', `/api/queries/${ID}`],
    ['GET', `/api/queries/${ID}/events`],
    ['DELETE', `/api/queries/${ID}`],
  ])('gets nothing while nobody is asked for a credential: %s %s', async (method, path) => {
    const { status, body } = await ask(listener.url, method, path, rebound);
    expect([status, JSON.parse(body)]).toMatchObject([403, { code: 'HOST_NOT_ALLOWED' }]);
  });

  it.each(['/api/submit/query?s=10/10/2021&e=10/12/2021', `/api/status/${ID}`])(
    'is told so in the form of the original on its routes: %s',
    async (path) => {
      const { status, body } = await ask(listener.url, 'GET', path, rebound);
      expect([status, JSON.parse(body)]).toEqual([403, { error: expect.stringContaining('loopback name') as string }]);
    },
  );

  it.each(['/health/live', '/health/ready', '/api/openapi.json', '/api/docs'])(
    'is let in where there is nothing of any caller: %s',
    async (path) => {
      expect((await ask(listener.url, 'GET', path, rebound)).status).toBe(200);
    },
  );

  it.each(['localhost', 'LOCALHOST:3000', '127.0.0.1', '127.0.0.1:1', '[::1]:3000'])(
    'is none of those of this machine: %s',
    async (host) => {
      expect((await ask(listener.url, 'GET', '/api/queries', { host })).status).toBe(200);
    },
  );

  it('is let in where anyone may call by any name, and where a credential tells who calls', async () => {
    const key = createKey();
    const keys = await createApiKeyFile({ a: [key] });
    for (const env of [{ ALLOW_ANONYMOUS: 'true' }, keys.env]) {
      const own = await startPublicListener(inject('redisUrl'), { KEY_PREFIX: `{t-${randomUUID()}}`, ...env });
      const { status } = await ask(own.url, 'GET', '/api/queries', { ...rebound, 'x-api-key': key });
      expect(status).toBe(200);
      await own.stop();
    }
    await keys.remove();
  });
});
