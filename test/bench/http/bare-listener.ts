import { createServer, type IncomingMessage, type Server } from 'node:http';
import { type JobStore } from './job-store';
import { toQueryDocument } from '../../../apps/api/src/queue/query-document';
import type { QueryRequest } from '#shared/contract/query-request';

/**
 * The same two endpoints with nothing between Node and the queue: no router, no validation, no limits. What is faster
 * than this is so by asking less of Redis, not by a better listener.
 */
export function createBareListener(jobs: JobStore): Server {
  return createServer((request, response) => {
    const answer =
      request.method === 'POST' ? readBody(request).then((body) => jobs.add(body)) : jobs.read(toId(request));
    answer
      .then((state) => {
        const body = state && JSON.stringify(toQueryDocument(state));
        const status = request.method === 'POST' ? 202 : body === undefined ? 404 : 200;
        response.writeHead(status, { 'Content-Type': 'application/json; charset=utf-8', 'Retry-After': '1' }).end(body);
      })
      .catch((error: unknown) => response.destroy(error as Error));
  });
}

function toId({ url = '' }: IncomingMessage): string {
  return url.slice(url.lastIndexOf('/') + 1);
}

async function readBody(request: IncomingMessage): Promise<QueryRequest> {
  let text = '';
  for await (const chunk of request) text += String(chunk);
  return JSON.parse(text) as QueryRequest;
}
