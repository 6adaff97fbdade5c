import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { LoggerService } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { startOperatorListener } from '../support/operator-listener';
import { startPublicListener } from '../support/public-listener';
import { checkedFetch } from '../support/checked-fetch';
import { toSubmission } from '../support/conversation';
import { openRawLine, type RawLine } from '../support/raw-line';
import { startTcpProxy } from '../support/tcp-proxy';
import { waitUntil } from '../support/wait-until';

interface Listener {
  url: string;
  app: NestFastifyApplication;
  stop(): Promise<void>;
}

interface Start {
  redisUrl?: string;
  receiveTimes?: typeof HURRY;
  env?: Record<string, string>;
  logger?: LoggerService;
}

const UNKNOWN = '0123456789abcdef0123456789abcdef';
const NO_LOG = { log() {}, warn() {}, error() {} };
const HURRY = { requestTimeout: 300, http: { headersTimeout: 300, connectionsCheckingInterval: 20 } };

/** The part of a submission that comes; the rest of its body does not. */
const HALF = 'Content-Type: application/json\r\nContent-Length: 10\r\n\r\n{';

const toHalf = (path: string) => `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n${HALF}`;

const KINDS = [
  ['public', '/api/queries'],
  ['operator', '/operator/suspend'],
] as const;

let stops: (() => Promise<void>)[];
beforeEach(() => {
  stops = [];
});
afterEach(async () => {
  await Promise.all(stops.map((stop) => stop()));
});

async function start(
  kind: 'public' | 'operator',
  { redisUrl = inject('redisUrl'), env: own = {}, ...more }: Start = {},
): Promise<Listener> {
  const env = { KEY_PREFIX: `{t-${randomUUID()}}`, ...own };
  const listener = await (kind === 'public'
    ? startPublicListener(redisUrl, env, { logger: NO_LOG, ...more })
    : startOperatorListener(redisUrl, env, undefined, { logger: NO_LOG, ...more }));
  let stopped: Promise<void> | undefined;
  const stop = () => (stopped ??= listener.stop());
  stops.push(stop);
  return { ...listener, stop };
}

async function open(url: string): Promise<RawLine> {
  const line = await openRawLine(url);
  stops.unshift(async () => void line.socket.destroy());
  return line;
}

const countConnections = (app: NestFastifyApplication) =>
  new Promise<number>((resolve) => app.getHttpServer().getConnections((_error, count) => resolve(count)));

async function waitUntilNobody(app: NestFastifyApplication): Promise<void> {
  await waitUntil(
    'no connection to be open',
    () => countConnections(app),
    (count) => count === 0,
  );
}

describe('a request that does not arrive', () => {
  it.each(KINDS)('is cut off: %s listener', async (kind, path) => {
    const { url, app } = await start(kind, { receiveTimes: HURRY });
    const line = await open(url);
    line.socket.write(toHalf(path));
    const heard = await line.hears(/^HTTP\/1\.1 408 /);
    if (kind === 'public') expect(heard).toContain('"REQUEST_TOO_SLOW"');
    await waitUntilNobody(app);
  });

  it.each(KINDS)('has a minute: %s listener', async (kind) => {
    const { app } = await start(kind);
    expect(app.getHttpServer().requestTimeout).toBe(60_000);
  });

  it('is not one whose answer takes long', async () => {
    const { url } = await start('public', { receiveTimes: HURRY });
    const submitted = await checkedFetch(
      `${url}/api/queries`,
      toSubmission({ start: '2021-10-10', end: '2021-10-10' }),
    );
    const { id } = (await submitted.json()) as { id: string };
    expect((await checkedFetch(`${url}/api/queries/${id}/result?wait=2`)).status).toBe(202);
  });
});

describe('a client that hangs up while it sends its request', () => {
  it.each(KINDS)('is no failure of ours: %s listener', async (kind, path) => {
    const lines: unknown[] = [];
    const write = (...line: unknown[]) => lines.push(line);
    const { url, app } = await start(kind, { logger: { log() {}, warn: write, error: write } });
    const asked = once(app.getHttpServer(), 'request') as Promise<[IncomingMessage]>;
    const line = await open(url);
    line.socket.write(toHalf(path));
    const [request] = await asked;
    line.socket.destroy();
    await waitUntil(
      'the request to be given up',
      () => request.errored,
      (error) => error !== null,
    );
    await waitUntilNobody(app);
    // Answered after what would have been logged.
    expect((await fetch(`${url}/nowhere`)).status).toBeGreaterThanOrEqual(400);
    expect(lines).toEqual([]);
  });
});

describe('a listener that is told to close', () => {
  const GRACE_SECONDS = 25;

  /** Far from its grace period, on any machine. */
  async function waitUntilStopped(listener: Listener): Promise<void> {
    const begun = performance.now();
    await listener.stop();
    expect(performance.now() - begun).toBeLessThan((GRACE_SECONDS / 5) * 1_000);
  }

  it.each(KINDS)('does not wait for a connection that never had a request: %s listener', async (kind) => {
    const listener = await start(kind);
    const line = await open(listener.url);
    await waitUntil(
      'the connection',
      () => countConnections(listener.app),
      (count) => count === 1,
    );
    await waitUntilStopped(listener);
    await line.ends();
  });

  it.each(KINDS)('does not wait for one that was told that it does not speak HTTP: %s listener', async (kind) => {
    const listener = await start(kind);
    const line = await open(listener.url);
    line.socket.write('how do you do?\r\n\r\n');
    await line.hears(/^HTTP\/1\.1 400 /);
    await waitUntilStopped(listener);
  });

  it.each(KINDS)('does not wait for one that serves on: %s listener', async (kind) => {
    const listener = await start(kind);
    const line = await open(listener.url);
    line.socket.write(`GET /nowhere HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`);
    await line.hears(/^HTTP\/1\.1 40[14] /);
    await waitUntilStopped(listener);
  });

  it.each(KINDS)('waits half its grace period at most for the rest of a request: %s listener', async (kind, path) => {
    const listener = await start(kind, { env: { SHUTDOWN_GRACE_SECONDS: '1' } });
    const asked = once(listener.app.getHttpServer(), 'request');
    const line = await open(listener.url);
    line.socket.write(toHalf(path));
    await asked;
    await waitUntilStopped(listener);
    await line.ends();
  });
});

describe('a connection that was told that it does not speak HTTP', () => {
  it.each(KINDS)('is over, though its client keeps it open: %s listener', async (kind) => {
    const { url, app } = await start(kind);
    const line = await open(url);
    line.socket.write('how do you do?\r\n\r\n');
    await line.hears(/^HTTP\/1\.1 400 /);
    await waitUntilNobody(app);
  });
});

describe('what is asked as the listener closes', () => {
  const toGet = (path: string) => `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`;

  it('is answered like anything else, as the last on its connection', async () => {
    const { hostname, port } = new URL(inject('redisUrl'));
    const proxy = await startTcpProxy({ host: hostname, port: Number(port) });
    const listener = await start('public', { redisUrl: `redis://127.0.0.1:${proxy.port}` });
    const server = listener.app.getHttpServer();
    const asked = new Promise<void>((resolve) => proxy.onSent(UNKNOWN, resolve));
    proxy.holdFrom(UNKNOWN);
    const early = await open(listener.url);
    early.socket.write(toGet(`/api/queries/${UNKNOWN}`));
    await asked;
    // Another way in, for what the listener itself has accepted just before it closes.
    const door = createServer((request, response) => server.emit('request', request, response)).listen(0, '127.0.0.1');
    await once(door, 'listening');
    const stopping = listener.stop();
    await waitUntil(
      'the listener to close',
      () => server.listening,
      (isListening) => !isListening,
    );
    const late = await open(`http://127.0.0.1:${(door.address() as AddressInfo).port}`);
    late.socket.write(toGet('/api/nowhere'));
    proxy.setMode('pass');
    await stopping;
    for (const [line, code] of [
      [early, 'QUERY_NOT_FOUND'],
      [late, 'ROUTE_NOT_FOUND'],
    ] as const) {
      await line.ends();
      expect(line.text).toMatch(/^HTTP\/1\.1 404 /);
      expect(line.text).toMatch(/^connection: close\r$/im);
      expect(line.text).toContain(`"code":"${code}"`);
    }
    door.close();
    await proxy.stop();
  });
});
