import { randomUUID } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { findChromium, launchChromium } from '../support/browser';
import { checkedFetch } from '../support/checked-fetch';
import { type PublicListener, startPublicListener } from '../support/public-listener';
import { waitUntil } from '../support/wait-until';

// Where no credential is asked for, the browser of anyone who is let in could be used by a page of another site.

const KEY_PREFIX = `{t-${randomUUID()}}`;
const RANGE = { start: '2021-10-10', end: '2021-12-10' };
const SUBMIT = '/api/submit/query?s=10/10/2021&e=10/12/2021';

let service: PublicListener;
let redis: Redis;

beforeAll(async () => {
  const env = { KEY_PREFIX, CORS_ORIGINS: 'https://app.example', PUBLIC_BASE_URL: 'https://gateway.example/audit' };
  service = await startPublicListener(inject('redisUrl'), env);
  redis = new Redis(inject('redisUrl'));
});

afterAll(async () => {
  redis.disconnect();
  await service.stop();
});

const countWaiting = () => redis.llen(`${KEY_PREFIX}:queries:wait`);

function submit(headers: Record<string, string>): Promise<Response> {
  const body = JSON.stringify(RANGE);
  const all = { 'content-type': 'application/json', ...headers };
  return checkedFetch(`${service.url}/api/queries`, { method: 'POST', headers: all, body });
}

describe('a request of a browser', () => {
  it.each([
    ['a page of another site', { origin: 'https://a.example', 'sec-fetch-site': 'cross-site' }],
    ['a sandboxed page', { origin: 'null' }],
    ['another port of this machine', { origin: 'http://127.0.0.1:1', 'sec-fetch-site': 'same-site' }],
  ])('from %s submits and terminates nothing', async (_name, headers) => {
    const { id } = (await (await submit({})).json()) as { id: string };
    const waiting = await countWaiting();
    const [posted, original, terminated] = await Promise.all([
      submit(headers),
      checkedFetch(service.url + SUBMIT, { headers }),
      checkedFetch(`${service.url}/api/queries/${id}`, { method: 'DELETE', headers }),
    ]);
    expect([posted.status, original.status, terminated.status]).toEqual([403, 403, 403]);
    expect(await posted.json()).toMatchObject({ code: 'CROSS_SITE_REQUEST' });
    expect(Object.keys((await original.json()) as object)).toEqual(['error']);
    expect(await countWaiting()).toBe(waiting);
  });

  it.each<[string, Record<string, string>]>([
    ['a program', {}],
    ['the page of the routes', { 'sec-fetch-site': 'same-origin' }],
    ['an address that a person typed', { 'sec-fetch-site': 'none' }],
    ['an origin that may call', { origin: 'https://app.example', 'sec-fetch-site': 'cross-site' }],
    ['the public origin', { origin: 'https://gateway.example', 'sec-fetch-site': 'same-origin' }],
  ])('from %s is taken', async (_name, headers) => {
    const answers = await Promise.all([submit(headers), checkedFetch(service.url + SUBMIT, { headers })]);
    expect(answers.map(({ status }) => status)).toEqual([202, 202]);
  });

  it('may read from anywhere, as it gets nothing of the answer', async () => {
    const headers = { 'sec-fetch-site': 'cross-site' };
    expect((await checkedFetch(`${service.url}/api/queries`, { headers })).status).toBe(200);
  });
});

const NO_BROWSER = findChromium() === undefined;

describe.skipIf(NO_BROWSER)(`a real browser${NO_BROWSER ? ' (skipped: no Chromium on the PATH)' : ''}`, () => {
  let site: Server;

  afterAll(() => new Promise((resolve) => site.close(resolve)));

  it('cannot be used by a page of another site', async () => {
    const asked: string[] = [];
    // Another site than 127.0.0.1, though it is the same machine.
    site = createServer((request, answer) => {
      asked.push(request.url ?? '');
      const target = service.url;
      answer.setHeader('content-type', 'text/html').end(`<!doctype html><img src="${target}${SUBMIT}">
<script>
const send = (method, headers, body) => fetch('${target}/api/queries', { mode: 'no-cors', method, headers, body });
Promise.allSettled([
  send('POST', { 'content-type': 'text/plain' }, '${JSON.stringify(RANGE)}'),
  fetch('${target}${SUBMIT}', { mode: 'no-cors' }),
  fetch('${target}${SUBMIT}', { mode: 'no-cors', method: 'POST' }),
  new Promise((resolve) => { document.images[0].onerror = resolve; document.images[0].onload = resolve; }),
]).then(() => document.title = 'done');
</script>`);
    });
    await new Promise<void>((resolve) => site.listen(0, 'localhost', resolve));
    const waiting = await countWaiting();
    const browser = await launchChromium();
    try {
      const page = await browser.newPage();
      await page.goto(`http://localhost:${(site.address() as AddressInfo).port}/`);
      await waitUntil(
        'the page to have sent all',
        () => page.title(),
        (title) => title === 'done',
      );
    } finally {
      await browser.close();
    }
    expect(await countWaiting()).toBe(waiting);
  });
});
