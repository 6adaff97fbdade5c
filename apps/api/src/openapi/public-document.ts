import type { INestApplication } from '@nestjs/common';
import { DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import { type Answer, originalErrors, problems, type RouteHeaders } from './api-responses';
import { ERROR_SCHEMAS, PROBLEM_EXAMPLES } from './problems';
import { HEADER_COMPONENTS, SECURITY_HEADERS, toHeaders } from './headers';
import { HEALTH_SCHEMAS } from './health-operations';
import { ORIGINAL_SCHEMAS } from './original-operations';
import { IF_NONE_MATCH } from './parameters';
import { QUERY_EXAMPLES } from './query-examples';
import { QUERY_SCHEMAS } from './query-schemas';

const DESCRIPTION = `Counts the distinct people in an audit table over a range of days. A query can take minutes: submit it,
follow \`Location\`, wait \`Retry-After\` seconds in between, and stop at anything but 202.

- Errors are problem documents (RFC 9457); what each \`code\` means and what to do about it is told at \`/api/docs\`.
- A \`GET\` route that changes nothing answers \`HEAD\` too, without a body. \`OPTIONS\` is answered with the methods of the route, any other
  method with 405, any other path with 404 (\`x-options\`, \`x-other-methods\`, \`x-other-paths\`). What is not valid HTTP, or has
  headers that are too slow or too large, is answered too (\`x-unreadable\`, \`x-too-slow\`, \`x-headers-too-large\`).
- Which credential is asked for is configured: a bearer token of Microsoft Entra ID, an API key (in \`x-api-key\` or as a
  bearer token), or none. It is checked before anything else. A credential in an address is never looked at.
- A query belongs to its caller: for anyone else there is no such query.
- \`x-security-headers\` are the headers that have to do with browsers alone, and can be with any answer.
- Clients should ignore headers that they do not know.`;

/** Relative: the document is right wherever it is served from. */
const toServer = (basePath: string) => ({
  url: basePath || '/',
  description: 'This service, in production and wherever else it runs',
  'x-internal': false,
});

const NO_MORE: RouteHeaders = { always: [], sometimes: [] };
const ORIGINAL_PATH = /^\/api\/(submit\/query|status)(\/|$)/;

const OPTIONS: Answer = {
  description:
    'The methods that the route has; or, where scripts of other origins may call, what they may do (a CORS preflight).',
  headers: toHeaders(
    [],
    ['Allow', 'Access-Control-Allow-Headers', 'Access-Control-Allow-Methods', 'Access-Control-Max-Age'],
  ),
};

/** One of them, or none: see the description. */
const SECURITY = [{ bearer: [] }, { apiKey: [] }, {}];

/** The documentation asks nobody for a credential. */
const OPEN = [{}];

/** What answers where no operation is. */
const RESPONSES = {
  Options: OPTIONS,
  MethodNotAllowed: problems(NO_MORE, ['METHOD_NOT_ALLOWED'])[405],
  OriginalMethodNotAllowed: originalErrors(NO_MORE, ['METHOD_NOT_ALLOWED'])[405],
  Unreadable: problems(NO_MORE, ['REQUEST_UNREADABLE'])[400],
  TooSlow: problems(NO_MORE, ['REQUEST_TOO_SLOW'])[408],
  HeadersTooLarge: problems(NO_MORE, ['HEADERS_TOO_LARGE'])[431],
  RouteNotFound: toEitherForm(
    problems(NO_MORE, ['ROUTE_NOT_FOUND'])[404],
    originalErrors(NO_MORE, ['ROUTE_NOT_FOUND'])[404],
  ),
};

/** Below the original's two routes too, errors have its form. */
function toEitherForm(ours: Answer | undefined, original: Answer | undefined) {
  return { ...ours, content: { ...ours?.content, ...original?.content } };
}

const toResponse = (name: keyof typeof RESPONSES) => ({ $ref: `#/components/responses/${name}` });

/**
 * The OpenAPI document of the callers' listener, from its controllers.
 *
 * @param basePath `ApiConfig.publicBasePath`.
 */
export function createOpenApiDocument(app: INestApplication, basePath = ''): OpenAPIObject {
  const base = new DocumentBuilder()
    .setOpenAPIVersion('3.1.0')
    .setTitle('Audit Query')
    .setDescription(DESCRIPTION)
    .setVersion('1')
    .setLicense('MIT', 'https://spdx.org/licenses/MIT.html')
    .addBearerAuth(
      {
        type: 'http',
        description: 'An access token of Microsoft Entra ID, version 2.0, checked as RFC8725 wants it; or an API key.',
      },
      'bearer',
    )
    .addApiKey({ type: 'apiKey', name: 'x-api-key', in: 'header', description: 'An API key.' }, 'apiKey')
    .addTag('queries', 'Submit, follow, list and terminate queries.')
    .addTag('original', 'The two routes of the Durable Functions service that this one replaces.')
    .addTag('health', 'For the platform’s probes.')
    .addTag('documentation', 'This document.')
    .build();
  const { paths, ...document } = SwaggerModule.createDocument(app, {
    ...base,
    servers: [toServer(basePath)],
    security: SECURITY,
  });
  const all = Object.entries({ ...paths, ...DOCUMENTATION_PATHS }).map(([path, item]) => {
    const other = ORIGINAL_PATH.test(path) ? 'OriginalMethodNotAllowed' : 'MethodNotAllowed';
    return [path, { ...item, 'x-options': toResponse('Options'), 'x-other-methods': toResponse(other) }] as const;
  });
  const securityHeaders = toHeaders([], SECURITY_HEADERS);
  const answers = JSON.stringify([all, RESPONSES, securityHeaders]);
  const components = {
    ...base.components,
    schemas: { ...QUERY_SCHEMAS, ...ERROR_SCHEMAS, ...ORIGINAL_SCHEMAS, ...HEALTH_SCHEMAS },
    headers: Object.fromEntries(HEADER_COMPONENTS.filter(([name]) => answers.includes(`/headers/${name}"`))),
    responses: RESPONSES,
    examples: { ...QUERY_EXAMPLES, ...PROBLEM_EXAMPLES },
  };
  // Through JSON: what is undefined is not there, and nobody can change what the decorators hold.
  const whole = {
    ...document,
    paths: Object.fromEntries(all),
    components,
    'x-other-paths': toResponse('RouteNotFound'),
    'x-unreadable': toResponse('Unreadable'),
    'x-too-slow': toResponse('TooSlow'),
    'x-headers-too-large': toResponse('HeadersTooLarge'),
    'x-security-headers': securityHeaders,
  };
  return JSON.parse(JSON.stringify(whole)) as OpenAPIObject;
}

export const DOCUMENTATION_CACHE_CONTROL = 'public, max-age=300';

/** The documentation alone may be kept by caches. */
const CACHEABLE = {
  ...toHeaders(['ETag'], []),
  'Cache-Control': {
    description: 'Any cache may keep it for some minutes.',
    required: true,
    schema: { type: 'string', enum: [DOCUMENTATION_CACHE_CONTROL] },
  },
};

const NOT_MODIFIED = { description: 'The client has this one already.', headers: CACHEABLE };

/** The routes that are no controller's. */
const DOCUMENTATION_PATHS = {
  '/api/openapi.json': {
    get: {
      operationId: 'getOpenApiDocument',
      tags: ['documentation'],
      summary: 'This document',
      description: 'OpenAPI 3.1.',
      parameters: [{ ...IF_NONE_MATCH, in: 'header' }],
      security: OPEN,
      responses: {
        200: {
          description: 'The document.',
          headers: CACHEABLE,
          content: { 'application/json': { schema: { type: 'object', required: ['openapi', 'info', 'paths'] } } },
        },
        304: NOT_MODIFIED,
        ...problems({ always: [], sometimes: [] }, []),
      },
    },
  },
  '/api/docs': {
    get: {
      operationId: 'getDocs',
      tags: ['documentation'],
      summary: 'The routes to try, and the errors explained',
      description: 'A page for people.',
      parameters: [{ ...IF_NONE_MATCH, in: 'header' }],
      security: OPEN,
      responses: {
        200: {
          description: 'The page.',
          headers: {
            ...CACHEABLE,
            ...toHeaders(['Content-Security-Policy', 'Referrer-Policy', 'X-Content-Type-Options'], []),
          },
          content: { 'text/html': { schema: { type: 'string', pattern: '^<!doctype html>', maxLength: 200_000 } } },
        },
        304: NOT_MODIFIED,
        ...problems({ always: [], sometimes: [] }, []),
      },
    },
  },
};
