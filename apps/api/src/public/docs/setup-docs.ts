import { dirname } from 'node:path';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { ASSETS, ASSETS_PATH, createDocsPage } from './docs-page';
import { createOpenApiDocument } from './openapi-document';

const ASSET_PATHS: ReadonlySet<string> = new Set(ASSETS.map((name) => `/${name}`));

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
    json ??= JSON.stringify(createOpenApiDocument(app, basePath));
    return reply.header('Cache-Control', 'no-store').type('application/json; charset=utf-8').send(json);
  });
  fastify.addHook('onRoute', (route) => {
    // Those of Swagger UI's files, whose plugin takes no configuration of them.
    if (route.url.startsWith(ASSETS_PATH)) route.config = { ...route.config, ...OPEN.config };
  });
  const { page, headers } = createDocsPage(basePath);
  fastify.get('/api/docs', OPEN, (_request, reply) =>
    reply.headers(headers).type('text/html; charset=utf-8').send(page),
  );
  app.useStaticAssets({
    root: dirname(require.resolve('swagger-ui-dist/package.json')),
    prefix: ASSETS_PATH,
    decorateReply: false,
    index: false,
    maxAge: '1h',
    allowedPath: (path) => ASSET_PATHS.has(path),
  });
}
