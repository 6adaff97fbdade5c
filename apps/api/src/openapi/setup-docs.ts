import { dirname } from 'node:path';
// For the type of `reply.sendFile`.
import '@fastify/static';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyReply } from 'fastify';
import { isNamedBy, toETag } from '../http/etag';
import { ASSETS, ASSETS_PATH, createDocsPage } from './docs-page';
import { createPublicDocument, DOCUMENTATION_CACHE_CONTROL } from './public-document';

/** The documentation is the same for everyone, and tells how to get in. */
const OPEN = { config: { isOpen: true } };

/**
 * `GET /api/openapi.json`, and the page at `/api/docs` to try the routes on, from files of our own alone.
 *
 * @param basePath `ApiConfig.publicBasePath`.
 */
export function setupDocs(app: NestFastifyApplication, basePath: string): void {
  const fastify = app.getHttpAdapter().getInstance();
  let json: string | undefined;
  fastify.get('/api/openapi.json', OPEN, (_request, reply) => {
    // The routes are all there once somebody asks.
    json ??= JSON.stringify(createPublicDocument(app, basePath));
    return sendCacheable(json, 'application/json; charset=utf-8', reply);
  });
  const { page, headers } = createDocsPage(basePath);
  fastify.get('/api/docs', OPEN, (_request, reply) =>
    sendCacheable(page, 'text/html; charset=utf-8', reply.headers(headers)),
  );
  // A route for each file: the router, and not the file system, decides which paths there are.
  const root = dirname(require.resolve('swagger-ui-dist/package.json'));
  // Without ranges (RFC 9110, 14.2: a server may ignore them), which only a download of much more needs.
  app.useStaticAssets({ root, serve: false, maxAge: '1h', acceptRanges: false });
  for (const name of ASSETS) fastify.get(ASSETS_PATH + name, OPEN, (_request, reply) => reply.sendFile(name));
}

/** What is the same for everyone until the next deployment: for some minutes of a cache, and after that often a 304. */
function sendCacheable(text: string, type: string, reply: FastifyReply): FastifyReply {
  const etag = toETag(text);
  void reply.headers({ ETag: etag, 'Cache-Control': DOCUMENTATION_CACHE_CONTROL });
  if (isNamedBy(reply.request.headers['if-none-match'], etag)) return reply.status(304).send();
  return reply.type(type).send(text);
}
