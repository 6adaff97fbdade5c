import { createServer, request as sendOn, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { type PublicListener, startPublicListener } from '../support/public-listener';

// A gateway that serves the service below a path, and strips it from what it passes on.

const PATH = '/audit';
const ORIGIN = 'https://gateway.example';
const QUERY = { start: '2021-10-10', end: '2021-10-12' };

let service: PublicListener;
let gateway: Server;
let url: string;

beforeAll(async () => {
  service = await startPublicListener(inject('redisUrl'), {
    KEY_PREFIX: `{base-path-${process.pid}}`,
    PUBLIC_BASE_URL: `${ORIGIN}${PATH}/`,
  });
  gateway = createServer((incoming, answer) => {
    const { pathname, search } = new URL(incoming.url ?? '', 'http://gateway');
    if (!pathname.startsWith(`${PATH}/`)) return void answer.writeHead(404).end('no such place at the gateway');
    const { method, headers } = incoming;
    const passed = sendOn(service.url + pathname.slice(PATH.length) + search, { method, headers }, (inner) => {
      answer.writeHead(inner.statusCode ?? 500, inner.headers);
      inner.pipe(answer);
    });
    incoming.pipe(passed);
  });
  await new Promise<void>((resolve) => gateway.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(gateway.address() as AddressInfo).port}`;
});

afterAll(async () => {
  gateway.closeAllConnections();
  await new Promise((resolve) => gateway.close(resolve));
  await service.stop();
});

function submit(): Promise<Response> {
  const headers = { 'content-type': 'application/json' };
  return fetch(`${url}${PATH}/api/queries`, { method: 'POST', headers, body: JSON.stringify(QUERY) });
}

it('is in the addresses of a status document, which can be followed as they are', async () => {
  const answer = await submit();
  const { id, links } = (await answer.json()) as { id: string; links: Record<string, string> };
  const self = `${PATH}/api/queries/${id}`;
  expect(links).toEqual({ self, result: `${self}/result`, events: `${self}/events` });
  expect(answer.headers.get('location')).toBe(`${ORIGIN}${self}/result`);
  expect((await fetch(url + links['self'])).status).toBe(200);
});

it('is in the link to the next page, which can be followed', async () => {
  await submit();
  await submit();
  const { headers } = await fetch(`${url}${PATH}/api/queries?pageSize=1`);
  const next = /^<([^>]+)>; rel="next"$/.exec(headers.get('link') ?? '')?.[1] ?? '';
  expect(next).toMatch(/^\/audit\/api\/queries\?pageSize=1&pageToken=/);
  expect((await fetch(url + next)).status).toBe(200);
});

it('is in the addresses of a problem document', async () => {
  const self = `${PATH}/api/queries/${'0'.repeat(31)}a`;
  const problem = (await (await fetch(url + self)).json()) as Record<string, unknown>;
  expect(problem).toMatchObject({ type: `${PATH}/api/docs#QUERY_NOT_FOUND`, instance: self });
  const unknown = (await (await fetch(`${url}${PATH}/nowhere`)).json()) as Record<string, unknown>;
  expect(unknown).toMatchObject({ type: `${PATH}/api/docs#ROUTE_NOT_FOUND`, instance: `${PATH}/nowhere` });
});

it('is that of the server in the document of the routes', async () => {
  const document = (await (await fetch(`${url}${PATH}/api/openapi.json`)).json()) as { servers: { url: string }[] };
  expect(document.servers.map((server) => server.url)).toEqual([PATH]);
});

it('is in all that the pages load and link to', async () => {
  const { id } = (await (await submit()).json()) as { id: string };
  const headers = { accept: 'text/html' };
  for (const path of ['/api/docs', `/api/queries/${id}`, `/api/queries/${'0'.repeat(31)}a`]) {
    const page = await (await fetch(`${url}${PATH}${path}`, { headers })).text();
    const addresses = [...page.matchAll(/(?:href|src)="(\/[^"]*)"|"(\/[^"]*\/api\/[^"]*)"|url: "([^"]+)"/g)]
      .map((match) => match[1] ?? match[2] ?? match[3])
      .filter((address) => address !== undefined);
    for (const address of addresses) {
      const { ok, body } = await fetch(url + address);
      expect(ok, `${address} of ${path}`).toBe(true);
      await body?.cancel();
    }
    if (path === '/api/docs') expect(addresses.length).toBeGreaterThan(4);
  }
});
