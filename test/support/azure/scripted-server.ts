import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { AuthorityFiles } from './share-test-authority';

/** A fault of a service. `away`: the connection closes without an answer; `slow`: there is no answer. */
export type Disturbance =
  | { readonly kind: 'away' }
  | { readonly kind: 'slow' }
  | { readonly kind: 'status'; readonly status: number; readonly code?: string; readonly retryAfterSeconds?: number };

/** A double of a service of Azure, at a free port of 127.0.0.1. */
export interface ScriptedServer {
  url: string;
  /** Method, path and credential of every request, with the disturbed ones. */
  requests: { method: string; path: string; authorization: string | undefined; at: number }[];
  disturb(disturbance: Disturbance | undefined): void;
  stop(): Promise<void>;
}

/** @param tls Certificate for https; absent: http. */
export async function startScriptedServer(
  answer: (request: IncomingMessage, send: (status: number, body: object, headers?: object) => void) => void,
  tls?: AuthorityFiles,
): Promise<ScriptedServer> {
  let disturbance: Disturbance | undefined;
  const requests: ScriptedServer['requests'] = [];
  const listener: RequestListener = (request: IncomingMessage, response: ServerResponse) => {
    const { method = '', url: path = '', headers } = request;
    requests.push({ method, path, authorization: headers.authorization, at: performance.now() });
    const send = (status: number, body: object, more: object = {}) =>
      response.writeHead(status, { 'content-type': 'application/json', ...more }).end(JSON.stringify(body));
    if (disturbance === undefined) return answer(request, send);
    if (disturbance.kind === 'away') return void request.socket.destroy();
    if (disturbance.kind === 'slow') return undefined;
    const { status, code = 'Disturbed', retryAfterSeconds } = disturbance;
    const wait = retryAfterSeconds === undefined ? {} : { 'retry-after': String(retryAfterSeconds) };
    return void send(status, { error: { code, message: 'as the test says' } }, wait);
  };
  const server =
    tls === undefined
      ? createServer(listener)
      : createTlsServer({ cert: readFileSync(tls.certFile), key: readFileSync(tls.keyFile) }, listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
    requests,
    disturb: (next) => (disturbance = next),
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Whether the header has a token with the resource as its audience. */
export function isFor(resource: string, authorization: string | undefined): boolean {
  const claims = /^Bearer [\w-]+\.([\w-]+)\./.exec(authorization ?? '')?.[1];
  if (claims === undefined) return false;
  return (JSON.parse(Buffer.from(claims, 'base64url').toString()) as { aud?: string }).aud === resource;
}
