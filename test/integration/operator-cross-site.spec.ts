import { randomUUID } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { QUERY_QUEUE } from '#shared/contract/query-job';
import { type ApiKeyFile, createApiKeyFile, createKey } from '../support/api-key-file';
import { findChromium, launchChromium } from '../support/browser';
import { type OperatorListener, startOperatorListener } from '../support/operator-listener';
import { sendRaw } from '../support/send-raw';

const KEY = createKey();
const AUTHORIZATION = `Basic ${Buffer.from(`alice:${KEY}`).toString('base64')}`;

let file: ApiKeyFile;
let open: OperatorListener;
let guarded: OperatorListener;

beforeAll(async () => {
  file = await createApiKeyFile({ alice: [KEY] });
  const start = (env: Record<string, string>) =>
    startOperatorListener(inject('redisUrl'), { KEY_PREFIX: `{t-${randomUUID()}}`, BOARD_READ_ONLY: 'false', ...env });
  [open, guarded] = await Promise.all([start({}), start({ OPERATOR_AUTH: 'basic', OPERATOR_KEYS_FILE: file.path })]);
});
afterAll(async () => {
  await Promise.all([open.stop(), guarded.stop()]);
  await file.remove();
});

const FOREIGN: [string, Record<string, string>][] = [
  ['the origin of another site', { origin: 'https://a.example' }],
  ['the origin of a sandboxed page', { origin: 'null' }],
  ['a browser that says cross-site', { 'sec-fetch-site': 'cross-site' }],
];
const CHANGES: [string, string][] = [
  ['POST', '/operator/suspend'],
  ['PUT', '/queues/api/queues/pause'],
  ['DELETE', '/operator/queries'],
  ['PATCH', '/nothing'],
];

async function send(listener: OperatorListener, path: string, method: string, headers: Record<string, string>) {
  const credential: Record<string, string> = listener === guarded ? { authorization: AUTHORIZATION } : {};
  const { status, body } = await sendRaw(listener.url, path, { method, headers: { ...credential, ...headers } });
  const isProblem = body.startsWith('{"type"');
  return isProblem ? `${status} ${(JSON.parse(body) as { code: string }).code}` : String(status);
}

async function readState(listener: OperatorListener): Promise<unknown> {
  const { body } = await sendRaw(listener.url, '/operator/state', { headers: { authorization: AUTHORIZATION } });
  return JSON.parse(body);
}

describe('a change that another site’s page lets a browser send', () => {
  it.each(FOREIGN)('is refused, with a credential and where none is asked for: %s', async (_name, headers) => {
    for (const listener of [open, guarded]) {
      for (const [method, path] of CHANGES) {
        expect([path, await send(listener, path, method, headers)]).toEqual([path, '403 CROSS_SITE_REQUEST']);
      }
      expect(await readState(listener)).toMatchObject({ suspended: false });
    }
  });

  it('is not written down: a page could fill the log', async () => {
    await send(open, '/operator/suspend', 'POST', { origin: 'https://a.example' });
    expect(JSON.parse((await sendRaw(open.url, '/operator/audit')).body)).toEqual({ items: [] });
  });

  it('is done for a page of the listener, and for a program', async () => {
    for (const listener of [open, guarded]) {
      const own = { origin: listener.url, 'sec-fetch-site': 'same-origin' };
      expect(await send(listener, '/operator/suspend', 'POST', own)).toBe('200');
      expect(await send(listener, '/operator/resume', 'POST', {})).toBe('200');
    }
  });
});

describe('a name that points to this machine, and is not its own', () => {
  const host = 'rebound.example';

  it.each(['/', '/queues', '/queues/static/', '//queues', '/metrics', '/operator/state', '/operator/openapi.json'])(
    'gets nothing where no credential is asked for: %s',
    async (path) => {
      expect(await send(open, path, 'GET', { host })).toBe('403 HOST_NOT_ALLOWED');
      expect(await send(open, path, 'POST', { host, origin: `http://${host}` })).toBe('403 HOST_NOT_ALLOWED');
    },
  );

  it('is let in by a loopback name, and by any with a credential', async () => {
    expect(await send(open, '/operator/state', 'GET', { host: 'localhost:1' })).toBe('200');
    expect(await send(guarded, '/operator/state', 'GET', { host })).toBe('200');
  });
});

describe.skipIf(findChromium() === undefined)('a browser', () => {
  let browser: Browser;
  let stranger: Server;
  let strangerUrl: string;

  beforeAll(async () => {
    browser = await launchChromium();
    stranger = createServer(({ url = '' }, response) => {
      const action = new URL(url, 'http://stranger').searchParams.get('action') ?? '';
      response.setHeader('content-type', 'text/html');
      response.end(`<!doctype html><form method="post" action="${action}"><button>Click here</button></form>`);
    });
    await new Promise<void>((resolve) => stranger.listen(0, '127.0.0.1', resolve));
    strangerUrl = `http://127.0.0.1:${(stranger.address() as AddressInfo).port}`;
  });
  afterAll(async () => {
    await browser.close();
    await new Promise((resolve) => stranger.close(resolve));
  });

  it('shows the dashboard to whoever has a key, and lets it act', async () => {
    const context = await browser.newContext({ httpCredentials: { username: 'alice', password: KEY } });
    const page = await context.newPage();
    expect((await page.goto(`${guarded.url}/queues`))?.status()).toBe(200);
    await page.getByText(QUERY_QUEUE).first().waitFor();
    const put = (path: string) =>
      page.evaluate(async (url) => (await fetch(url, { method: 'PUT' })).status, `/queues/api/queues${path}`);
    expect([await put('/pause'), await put('/resume')]).toEqual([200, 200]);
    await context.close();
  });

  it('shows nothing to whoever has none', async () => {
    const context = await browser.newContext();
    const page = await context.newPage();
    // What it says of a challenge that nobody answers.
    await expect(page.goto(`${guarded.url}/queues`)).rejects.toThrow('ERR_INVALID_AUTH_CREDENTIALS');
    expect(await page.locator('#root').count()).toBe(0);
    await context.close();
  });

  it('changes nothing for another site’s page, by a script or a form', async () => {
    const context = await browser.newContext({ httpCredentials: { username: 'alice', password: KEY } });
    const page = await context.newPage();
    for (const { url } of [open, guarded]) {
      const target = `${url}/operator/suspend`;
      await page.goto(`${strangerUrl}/?action=${encodeURIComponent(target)}`);
      const fetching = page.evaluate(
        async (to) => fetch(to, { method: 'POST', mode: 'no-cors', credentials: 'include' }),
        target,
      );
      // It is sent, and refused; the page gets no answer at all (Cross-Origin-Resource-Policy).
      await expect(fetching).rejects.toThrow('Failed to fetch');
      const [answer] = await Promise.all([
        page.waitForResponse((response) => response.url().endsWith('/operator/suspend') && response.status() !== 401),
        page.locator('button').click(),
      ]);
      expect(answer.status()).toBe(403);
    }
    expect(await readState(open)).toMatchObject({ suspended: false });
    expect(await readState(guarded)).toMatchObject({ suspended: false });
    await context.close();
  });
});
