import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { ApiConfig } from '#shared/config/api-config';
import { parseConfig } from '#shared/config/parse-config';
import { ERROR_TABLE } from '#shared/contract/error-codes';
import { connectForMessages, connectForRequests } from '#shared/redis/connections';
import { createPublicDocument } from '../../apps/api/src/openapi/public-document';
import { createPublicApp } from '../../apps/api/src/public/public.app';
import { findChromium, launchChromium } from '../support/browser';
import { checkedFetch } from '../support/checked-fetch';
import { listPaths } from '../support/list-paths';
import { type TcpProxy, startTcpProxy } from '../support/tcp-proxy';
import { waitUntil } from '../support/wait-until';

const ORIGIN = 'https://app.example';
const RANGE = { start: '2021-10-10', end: '2021-12-10' };
const UNKNOWN = '0123456789abcdef0123456789abcdef';

interface Service {
  app: NestFastifyApplication;
  url: string;
  proxy: TcpProxy;
  end(): Promise<void>;
}

let service: Service;

beforeAll(async () => {
  service = await startService({});
});

afterAll(() => service.end());

describe('openapi.json', () => {
  it('is what the code says: after a change, run `npm run openapi`', async () => {
    const committed = JSON.parse(readFileSync('openapi.json', 'utf8')) as unknown;
    expect(createPublicDocument(service.app)).toEqual(committed);
    expect(await (await checkedFetch(`${service.url}/api/openapi.json`)).json()).toEqual(committed);
  });

  it('has generated the types of the client: after a change, run `npm run openapi`', async () => {
    const { astToString, COMMENT_HEADER, default: openapiTS } = await import('openapi-typescript');
    const types = await openapiTS(new URL('../../openapi.json', `file://${__filename}`));
    expect(readFileSync('apps/cli/src/service/openapi-client.ts', 'utf8')).toBe(
      `${COMMENT_HEADER}${astToString(types)}`,
    );
  });

  it('has the routes that there are, with the methods that they have', async () => {
    const { paths } = createPublicDocument(service.app);
    expect(Object.keys(paths).sort()).toEqual(listPaths(service.app).sort());
    for (const [path, item] of Object.entries(paths)) {
      const answer = await checkedFetch(service.url + path.replace('{id}', UNKNOWN), { method: 'OPTIONS' });
      const methods = Object.keys(item).filter((member) => !member.startsWith('x-'));
      const allowed = (answer.headers.get('allow') ?? '').toLowerCase().split(', ');
      expect([path, allowed.filter((method) => method !== 'head').sort()]).toEqual([path, methods.sort()]);
    }
  });

  it('has every code with which an answer can be an error', () => {
    const { paths, components } = createPublicDocument(service.app);
    const answers = Object.entries(components?.responses ?? {}).filter(([name]) =>
      JSON.stringify([paths, committedRoot()]).includes(`"#/components/responses/${name}"`),
    );
    const codes = answers.flatMap(([, answer]) => (answer as { 'x-codes'?: string[] })['x-codes'] ?? []);
    expect([...new Set(codes)].sort()).toEqual(Object.keys(ERROR_TABLE).sort());
  });
});

/** What the document says outside of its operations. */
function committedRoot(): unknown[] {
  const document = JSON.parse(readFileSync('openapi.json', 'utf8')) as Record<string, unknown>;
  return Object.entries(document).filter(([name]) => name.startsWith('x-'));
}

describe.each(['openapi.json', 'openapi.operator.json'])('%s, for those who generate clients', (file) => {
  const text = readFileSync(file, 'utf8');
  const nodes = listNodes(JSON.parse(text));
  const schemas = nodes.filter(({ node }) => 'enum' in node || 'const' in node);

  it('has a type beside each enum and const', () => {
    expect(schemas.length).toBeGreaterThan(5);
    expect(schemas.filter(({ node }) => typeof node['type'] !== 'string').map(({ place }) => place)).toEqual([]);
  });

  it('has each enum once, as a schema with a name', () => {
    const enums = schemas.filter(({ node }) => 'enum' in node);
    expect(enums.map(({ place }) => place).filter((place) => !/^#\/components\/schemas\/\w+$/.test(place))).toEqual([]);
    const values = enums.map(({ node }) => JSON.stringify(node['enum']));
    expect(values.filter((one, index) => values.indexOf(one) !== index)).toEqual([]);
  });

  it('has a name that any language can spell for each member of an enum', () => {
    const names = schemas.flatMap(({ node }) => (node['x-enum-varnames'] ?? node['enum'] ?? []) as string[]);
    expect(names.filter((name) => !/^[A-Za-z]\w*$/.test(name))).toEqual([]);
  });

  it('refers to the one schema of problem documents in each error, with the codes of that response beside it', () => {
    expect(nodes.filter(({ node }) => 'allOf' in node).map(({ place }) => place)).toEqual([]);
    const problems = nodes.filter(({ place }) => place.endsWith('/application~1problem+json'));
    expect(problems.length).toBeGreaterThan(10);
    for (const { node, place } of problems) {
      expect([place, node['schema']]).toEqual([place, { $ref: '#/components/schemas/Problem' }]);
      const response = nodes.find((one) => one.place === place.replace(/\/content\/[^/]+$/, ''))?.node;
      const codes = (response?.['x-codes'] ?? []) as string[];
      expect(codes.length).toBeGreaterThan(0);
      for (const code of codes)
        expect([place, response?.['description']]).toEqual([place, expect.stringContaining(code)]);
    }
  });

  it('describes its errors once, as responses that the operations refer to', () => {
    const inline = nodes.filter(({ node, place }) => /\/responses\/[45]\d\d$/.test(place) && !('$ref' in node));
    expect(inline.map(({ place }) => place)).toEqual([]);
  });

  it('has less than 150 kB', () => {
    expect(text.length).toBeLessThan(150_000);
  });
});

interface DocumentNode {
  place: string;
  node: Record<string, unknown>;
}

/** Every object in a document, by its JSON pointer; examples are no part of it. */
function listNodes(value: unknown, place = '#'): DocumentNode[] {
  if (typeof value !== 'object' || value === null || /\/examples?$/.test(place)) return [];
  const own = Array.isArray(value) ? [] : [{ place, node: value as Record<string, unknown> }];
  const toStep = (name: string) => name.replace(/~/g, '~0').replace(/\//g, '~1');
  const members = Object.entries<unknown>(value as Record<string, unknown>);
  return [...own, ...members.flatMap(([name, member]) => listNodes(member, `${place}/${toStep(name)}`))];
}

type Case = [string, method: string, path: string, init: RequestInit, status: number];

describe('what is answered is what is documented', () => {
  const json = (body: unknown, headers: Record<string, string> = {}): RequestInit => ({
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  const accept = (type: string): RequestInit => ({ headers: { accept: type } });
  const day = (maxAgeSeconds: number) => json({ start: '2021-10-10', end: '2021-10-10', maxAgeSeconds });

  it.each<Case>([
    ['a submission', 'POST', '/api/queries', json(RANGE), 202],
    ['one that would wait', 'POST', '/api/queries', json(RANGE, { prefer: 'wait=0' }), 202],
    ['the largest maxAgeSeconds', 'POST', '/api/queries', day(31_536_000), 202],
    ['a larger one', 'POST', '/api/queries', day(31_536_001), 400],
    ['no body', 'POST', '/api/queries', {}, 400],
    ['no JSON', 'POST', '/api/queries', json('{'), 400],
    ['an unknown member', 'POST', '/api/queries', json({ ...RANGE, x: 1 }), 400],
    ['a range that ends before it starts', 'POST', '/api/queries', json({ start: RANGE.end, end: RANGE.start }), 400],
    ['a range that is too long', 'POST', '/api/queries', json({ ...RANGE, end: '2031-01-01' }), 400],
    ['an empty key', 'POST', '/api/queries', json(RANGE, { 'idempotency-key': '' }), 400],
    ['a large body', 'POST', '/api/queries', json('x'.repeat(17_000)), 413],
    ['a text', 'POST', '/api/queries', { body: 'x' }, 415],
    ['the list', 'GET', '/api/queries', {}, 200],
    ['the head of the list', 'HEAD', '/api/queries', {}, 200],
    ['the list with a bad parameter', 'GET', '/api/queries?pageSize=101', {}, 400],
    ['an unknown query', 'GET', `/api/queries/${UNKNOWN}`, {}, 404],
    ['an unknown query as a page', 'GET', `/api/queries/${UNKNOWN}`, accept('text/html'), 404],
    ['a bad percent-encoding', 'GET', '/api/queries/%FF', {}, 404],
    ['a form that there is not', 'GET', `/api/queries/${UNKNOWN}`, accept('image/png'), 406],
    ['a bad wait', 'GET', `/api/queries/${UNKNOWN}?wait=x`, {}, 400],
    ['the result of an unknown query', 'GET', `/api/queries/${UNKNOWN}/result`, {}, 404],
    ['the events of an unknown query', 'GET', `/api/queries/${UNKNOWN}/events`, {}, 404],
    ['terminating an unknown query', 'DELETE', `/api/queries/${UNKNOWN}`, {}, 404],
    ['terminating with a text', 'DELETE', `/api/queries/${UNKNOWN}`, { body: 'x' }, 404],
    [
      'terminating with a type that is none',
      'DELETE',
      `/api/queries/${UNKNOWN}`,
      json('{', { 'content-type': 'x' }),
      415,
    ],
    ['the original’s submission', 'GET', '/api/submit/query?s=10/10/2021&e=10/12/2021', {}, 202],
    ['the original’s submission by POST', 'POST', '/api/submit/query?s=10/10/2021&e=10/12/2021', {}, 202],
    ['the original’s submission without dates', 'GET', '/api/submit/query', {}, 400],
    ['the original’s submission with a large body', 'POST', '/api/submit/query', { body: 'x'.repeat(17_000) }, 413],
    ['the original’s submission, packed', 'POST', '/api/submit/query', json('x', { 'content-encoding': 'gzip' }), 400],
    ['an unknown query, as the original has it', 'GET', `/api/status/${UNKNOWN}`, {}, 404],
    ['another method of the original’s', 'PUT', '/api/submit/query', {}, 405],
    ['another method', 'PUT', '/api/queries', {}, 405],
    ['the methods of a route', 'OPTIONS', `/api/queries/${UNKNOWN}`, {}, 204],
    ['another path', 'GET', '/api/other', {}, 404],
    ['another path below the original’s', 'GET', '/api/status', {}, 404],
    ['whether the process lives', 'GET', '/health/live', {}, 200],
    ['whether it is ready', 'GET', '/health/ready', {}, 200],
    ['the page', 'GET', '/api/docs', {}, 200],
  ])('%s: %s %s', async (_name, method, path, init, status) => {
    expect((await checkedFetch(service.url + path, { ...init, method })).status).toBe(status);
  });

  it('through a query’s life', async () => {
    const { url } = service;
    const statuses: number[] = [];
    const ask = async (path: string, init: RequestInit = {}) => {
      const answer = await checkedFetch(url + path, init);
      statuses.push(answer.status);
      return answer;
    };
    const submission = { method: 'POST', ...json(RANGE, { 'idempotency-key': randomUUID() }) };
    const first = await ask('/api/queries', submission);
    const { id, links } = (await first.json()) as { id: string; links: Record<'self' | 'result' | 'events', string> };
    await ask('/api/queries', submission);
    await ask('/api/queries', { ...submission, body: JSON.stringify({ ...RANGE, maxAgeSeconds: 1 }) });
    await ask(links.self);
    await ask(links.self, accept('text/html'));
    const known = { 'if-none-match': first.headers.get('etag') ?? '' };
    await ask(links.self, { headers: known });
    await ask(links.result);
    await ask(`${links.result}?wait=0`, { headers: known });
    await ask(links.self, { headers: { prefer: 'wait=0' } });
    await ask(`/api/status/${id}`);
    await ask('/api/queries?pageSize=1&status=Pending');
    const events = await ask(links.events);
    await ask(links.self, { method: 'DELETE' });
    const told = await events.text();
    expect(told).toMatch(/^retry: 3000\n\nevent: progress\n[^]*\nevent: end\n/);
    const ended = await ask(links.self, { method: 'DELETE' });
    await ask(links.self, { method: 'DELETE', headers: { 'if-none-match': ended.headers.get('etag') ?? '' } });
    await ask(links.result);
    await ask('/api/queries', { ...submission, headers: { ...submission.headers, prefer: 'wait=1' } });
    await ask(`/api/status/${id}`);
    const seen = { 'last-event-id': /^event: end\nid: (.+)$/m.exec(told)?.[1] ?? '' };
    await ask(links.events, { headers: seen });
    await ask(links.self, { headers: { ...seen, accept: 'text/event-stream' } });
    expect(statuses).toEqual([
      202, 202, 422, 200, 200, 304, 202, 304, 200, 202, 200, 200, 202, 200, 200, 409, 409, 200, 204, 204,
    ]);
  });

  it('to a script of another origin', async () => {
    const open = await startService({ CORS_ORIGINS: ORIGIN });
    const origin = { origin: ORIGIN };
    const preflight = {
      ...origin,
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'content-type,prefer',
    };
    const ask = async (path: string, init: RequestInit) => {
      const answer = await checkedFetch(open.url + path, init);
      return [answer.status, answer.headers.get('access-control-allow-origin')];
    };
    expect(await ask('/api/queries', { method: 'OPTIONS', headers: preflight })).toEqual([204, ORIGIN]);
    expect(await ask('/api/queries', { method: 'POST', ...json(RANGE, origin) })).toEqual([202, ORIGIN]);
    expect(await ask(`/api/queries/${UNKNOWN}`, { headers: origin })).toEqual([404, ORIGIN]);
    expect(await ask('/api/docs', { headers: origin })).toEqual([200, ORIGIN]);
    await open.end();
  });

  it('to those who ask too often', async () => {
    const strict = await startService({
      SUBMISSIONS_PER_MINUTE: '3',
      LIVE_QUERIES_PER_CALLER: '1',
      POLLS_PER_MINUTE: '1',
    });
    const submit = () => checkedFetch(`${strict.url}/api/queries`, { method: 'POST', ...json(RANGE) });
    const original = () => checkedFetch(`${strict.url}/api/submit/query?s=10/10/2021&e=10/12/2021`);
    const poll = () => checkedFetch(`${strict.url}/api/queries/${UNKNOWN}/result`);
    const pollOriginal = () => checkedFetch(`${strict.url}/api/status/${UNKNOWN}`);
    const answers = [];
    for (const ask of [submit, submit, original, submit, original, poll, poll, pollOriginal]) answers.push(await ask());
    expect(answers.map(({ status }) => status)).toEqual([202, 429, 429, 429, 429, 404, 429, 429]);
    await strict.end();
  });

  it('without Redis', async () => {
    const cut = await startService({});
    cut.proxy.setMode('cut');
    const submission = { method: 'POST', ...json(RANGE) };
    const paths = ['', `/${UNKNOWN}`, `/${UNKNOWN}/result`, `/${UNKNOWN}/events`].map((rest) => `/api/queries${rest}`);
    const gets = [...paths, `/api/status/${UNKNOWN}`, '/api/submit/query?s=10/10/2021&e=10/12/2021', '/health/ready'];
    for (const path of gets) expect([path, (await checkedFetch(cut.url + path)).status]).toEqual([path, 503]);
    expect((await checkedFetch(`${cut.url}/api/queries`, submission)).status).toBe(503);
    expect((await checkedFetch(`${cut.url}/api/queries/${UNKNOWN}`, { method: 'DELETE' })).status).toBe(503);
    await cut.end();
  });
});

describe('the check itself', () => {
  const PROBLEM = { 'cache-control': 'no-store', 'content-type': 'application/problem+json' };
  const toProblem = (status: number, code: string) =>
    JSON.stringify({
      ...{ type: `/api/docs#${code}`, title: 'x', status, code, detail: 'x', instance: '/health/live' },
      error: { code, message: 'x' },
    });

  it.each<[string, number, Record<string, string>, string, string]>([
    ['a status', 201, { 'cache-control': 'no-store' }, '{"status":"ok"}', 'the status'],
    ['a header', 200, { 'cache-control': 'no-store', 'x-more': '1' }, '{"status":"ok"}', 'the header x-more'],
    ['a header that is missing', 200, {}, '{"status":"ok"}', 'no header cache-control'],
    [
      'a member',
      200,
      { 'cache-control': 'no-store' },
      '{"status":"ok","x":1}',
      'the body data must NOT have additional',
    ],
    ['a value', 200, { 'cache-control': 'no-store' }, '{"status":"down"}', 'the body data/status must be equal to'],
    ['a code', 500, PROBLEM, toProblem(500, 'RATE_LIMITED'), 'the code RATE_LIMITED; the code RATE_LIMITED'],
    ['a status in the body', 500, PROBLEM, toProblem(400, 'INTERNAL_ERROR'), 'the member status 400'],
  ])('finds %s that is not documented', async (_name, status, headers, body, problem) => {
    const server = createServer((_request, response) => {
      response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(body);
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const { port } = server.address() as AddressInfo;
    await expect(checkedFetch(`http://127.0.0.1:${port}/health/live`)).rejects.toThrow(problem);
    server.closeAllConnections();
    server.close();
  });
});

describe.skipIf(findChromium() === undefined)('the page in a browser', () => {
  let browser: Browser;
  let page: Page;
  const hosts = new Set<string>();
  const complaints: string[] = [];

  beforeAll(async () => {
    browser = await launchChromium();
    page = await browser.newPage({ viewport: { width: 1_280, height: 900 } });
    page.on('request', (request) => hosts.add(new URL(request.url()).host));
    page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
    page.on('pageerror', ({ message }) => complaints.push(message));
  });

  afterAll(() => browser.close());

  it('lets a query be submitted, and asks nobody else', async () => {
    await page.goto(`${service.url}/api/docs`);
    const operation = page.locator('#operations-queries-submitQuery');
    await operation.locator('.opblock-summary-control').click();
    await operation.locator('.try-out__btn').click();
    await operation.locator('button.execute').click();
    const status = operation.locator('.live-responses-table tbody .response-col_status');
    expect(await status.first().textContent()).toMatch(/^202/);
    // The pictures within the style have no host.
    expect([[...hosts].filter((host) => host !== ''), complaints]).toEqual([[new URL(service.url).host], []]);
  });

  it('shows the code that the type of a problem refers to', async () => {
    const { type } = (await (await checkedFetch(`${service.url}/api/queries/${UNKNOWN}`)).json()) as { type: string };
    await page.goto(service.url + type);
    await page.locator('.opblock').first().waitFor();
    const row = page.locator('#QUERY_NOT_FOUND');
    await waitUntil(
      'the code to be in view',
      async () => (await row.boundingBox())?.y ?? Infinity,
      (top) => top >= 0 && top < 450,
    );
    expect(await row.textContent()).toContain(ERROR_TABLE.QUERY_NOT_FOUND.remedy);
  });
});

/** The callers' listener with keys of its own, behind a proxy that can be cut. */
async function startService(env: Record<string, string>): Promise<Service> {
  const { hostname, port } = new URL(inject('redisUrl'));
  const proxy = await startTcpProxy({ host: hostname, port: Number(port) });
  const redisUrl = `redis://127.0.0.1:${proxy.port}`;
  const redis = connectForRequests(redisUrl).on('error', () => {});
  const subscriber = connectForMessages(redisUrl, redis).on('error', () => {});
  const connections = [redis, subscriber];
  const config = parseConfig(ApiConfig, {
    KEY_PREFIX: `{t-${randomUUID()}}`,
    SUBMISSIONS_PER_MINUTE: '10000',
    LIVE_QUERIES_PER_CALLER: '10000',
    ...env,
  });
  const app = await createPublicApp({ config, redis, subscriber, logger: { log() {}, error() {}, warn() {} } });
  await app.listen(0, '127.0.0.1');
  await waitUntil(
    'Redis to be connected',
    () => connections.map(({ status }) => status).join(),
    (statuses) => statuses === 'ready,ready',
  );
  return {
    app,
    url: await app.getUrl(),
    proxy,
    async end() {
      await app.close();
      for (const connection of connections) connection.disconnect();
      await proxy.stop();
    },
  };
}
