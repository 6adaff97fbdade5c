import { dirname } from 'node:path';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { ASSETS, ASSETS_PATH, toDocsPage, toDocsPageHeaders } from './docs-page';
import { createOpenApiDocument } from './openapi-document';

const ASSET_PATHS: ReadonlySet<string> = new Set(ASSETS.map((name) => `/${name}`));

/** `GET /api/openapi.json`, and the page at `/api/docs` to try the routes on, from files of our own alone. */
export function setupDocs(app: NestFastifyApplication): void {
  const fastify = app.getHttpAdapter().getInstance();
  let json: string | undefined;
  fastify.get('/api/openapi.json', (_request, reply) => {
    // The routes are all there once somebody asks.
    json ??= JSON.stringify(createOpenApiDocument(app));
    return reply.header('Cache-Control', 'no-store').type('application/json; charset=utf-8').send(json);
  });
  const page = toDocsPage();
  const headers = toDocsPageHeaders();
  fastify.get('/api/docs', (_request, reply) => reply.headers(headers).type('text/html; charset=utf-8').send(page));
  app.useStaticAssets({
    root: dirname(require.resolve('swagger-ui-dist/package.json')),
    prefix: ASSETS_PATH,
    decorateReply: false,
    index: false,
    maxAge: '1h',
    allowedPath: (path) => ASSET_PATHS.has(path),
  });
}
