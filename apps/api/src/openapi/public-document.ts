import type { INestApplication } from '@nestjs/common';
import { DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import { ERROR_TABLE, type ErrorCode } from '#shared/contract/error-codes';
import { closedObject, type JsonSchema } from '#shared/contract/json-schema';
import { COMMON_HEADERS, toHeaderComponents, toHeaders } from './headers';
import { HEALTH_SCHEMAS } from './health-operations';
import { ORIGINAL_SCHEMAS } from './original-operations';
import { type Answer, pickUsed, shareErrors, toProblemExamples, toProblemSchemas } from './problems';
import { type RouteHeaders, toOriginalErrors, toProblems } from './public-responses';
import { EXAMPLE_ID, QUERY_EXAMPLES } from './query-examples';
import { IF_NONE_MATCH } from './query-operations';
import { CONTRACT_CLASSES, toPublicSchemas } from './query-schemas';

const DESCRIPTION = `Counts the distinct people in an audit table over a range of days. A query can take minutes: submit it,
then poll \`Location\`, waiting \`Retry-After\` seconds, until the status is no longer 202.

- Errors are problem documents (RFC 9457). \`/api/docs\` lists the meaning of each \`code\` and what to do about it. Each error response lists its
  codes in its description and in \`x-codes\`.
- A \`GET\` route that changes nothing answers \`HEAD\` too, without a body. \`OPTIONS\` returns the methods of the route. Any other
  method gets 405, any other path 404 (\`x-options\`, \`x-other-methods\`, \`x-other-paths\`). A request that is not valid HTTP, or has
  headers that are too slow or too large, gets an error too (\`x-unreadable\`, \`x-too-slow\`, \`x-headers-too-large\`).
- The service is configured to expect a bearer token of Microsoft Entra ID, an API key (in \`x-api-key\` or as a
  bearer token), or no credential. It checks the credential first. It ignores a credential in the address.
- A query belongs to its caller. Other callers get 404.
- \`x-common-headers\` are headers for browsers; any answer can have them.
- Clients should ignore headers that they do not know.`;

/** Relative: the document is right at any address, and a generator that reads it there finds the address. */
const toServer = (basePath: string) => ({
  url: basePath || '/',
  description: 'This service, in production and anywhere else',
  'x-internal': false,
});

const NO_MORE: RouteHeaders = { always: [], sometimes: [] };
const ORIGINAL_PATH = /^\/api\/(submit\/query|status)(\/|$)/;

const OPTIONS: Answer = {
  description:
    'The methods of the route; or, if scripts of other origins may call, what they may do (a CORS preflight).',
  headers: toHeaders(
    [],
    ['Allow', 'Access-Control-Allow-Headers', 'Access-Control-Allow-Methods', 'Access-Control-Max-Age'],
  ),
};

/** One of them, or none: see the description. */
const SECURITY = [{ bearer: [] }, { apiKey: [] }, {}];

/** The documentation needs no credential. */
const OPEN = [{}];

/** The answers outside of the operations. */
const RESPONSES = {
  Options: OPTIONS,
  MethodNotAllowed: toProblems(NO_MORE, ['METHOD_NOT_ALLOWED'])[405],
  OriginalMethodNotAllowed: toOriginalErrors(NO_MORE, ['METHOD_NOT_ALLOWED'])[405],
  Unreadable: toProblems(NO_MORE, ['REQUEST_UNREADABLE'])[400],
  TooSlow: toProblems(NO_MORE, ['REQUEST_TOO_SLOW'])[408],
  HeadersTooLarge: toProblems(NO_MORE, ['HEADERS_TOO_LARGE'])[431],
  RouteNotFound: toEitherForm(
    toProblems(NO_MORE, ['ROUTE_NOT_FOUND'])[404],
    toOriginalErrors(NO_MORE, ['ROUTE_NOT_FOUND'])[404],
  ),
};

/** Errors below the original's two routes have its form. */
function toEitherForm(ours: Answer | undefined, original: Answer | undefined) {
  return { ...ours, content: { ...ours?.content, ...original?.content } };
}

const toResponse = (name: keyof typeof RESPONSES) => ({ $ref: `#/components/responses/${name}` });

const ERROR_SCHEMAS: Record<string, JsonSchema> = {
  ...toProblemSchemas(Object.keys(ERROR_TABLE) as ErrorCode[], '^/([^#]*/)?api/docs#[A-Z_]+$'),
  OriginalError: closedObject('An error, in the form of the original service.', {
    error: { type: 'string', pattern: '\\S', maxLength: 2_000, description: 'For people.' },
  }),
};

const PROBLEM_EXAMPLES = toProblemExamples(Object.keys(ERROR_TABLE) as ErrorCode[], '/api/docs#', (status) =>
  status === 404 || status === 409 ? `/api/queries/${EXAMPLE_ID}/result` : '/api/queries',
);

/**
 * The OpenAPI document of the callers' listener, from its controllers.
 *
 * @param basePath `ApiConfig.publicBasePath`.
 */
export function createPublicDocument(app: INestApplication, basePath = ''): OpenAPIObject {
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
  const nest = SwaggerModule.createDocument(
    app,
    { ...base, servers: [toServer(basePath)], security: SECURITY },
    { extraModels: CONTRACT_CLASSES },
  );
  const { paths, responses } = shareErrors({ ...nest.paths, ...DOCUMENTATION_PATHS });
  const all = Object.entries(paths).map(([path, item]) => {
    const other = ORIGINAL_PATH.test(path) ? 'OriginalMethodNotAllowed' : 'MethodNotAllowed';
    return [path, { ...item, 'x-options': toResponse('Options'), 'x-other-methods': toResponse(other) }] as const;
  });
  const answers = [all, responses, RESPONSES, COMMON_HEADERS];
  // Through JSON: drops undefined members, and copies what the decorators hold.
  const whole = {
    ...nest,
    paths: Object.fromEntries(all),
    components: {
      ...base.components,
      schemas: {
        ...toPublicSchemas(nest.components?.schemas),
        ...ERROR_SCHEMAS,
        ...ORIGINAL_SCHEMAS,
        ...HEALTH_SCHEMAS,
      },
      headers: pickUsed('headers', toHeaderComponents('public'), answers),
      responses: { ...responses, ...RESPONSES },
      examples: pickUsed('examples', { ...QUERY_EXAMPLES, ...PROBLEM_EXAMPLES }, answers),
    },
    'x-other-paths': toResponse('RouteNotFound'),
    'x-unreadable': toResponse('Unreadable'),
    'x-too-slow': toResponse('TooSlow'),
    'x-headers-too-large': toResponse('HeadersTooLarge'),
    'x-common-headers': COMMON_HEADERS,
  };
  return JSON.parse(JSON.stringify(whole)) as OpenAPIObject;
}

export const DOCUMENTATION_CACHE_CONTROL = 'public, max-age=300';

/** Caches may keep the documentation only. */
const CACHEABLE = {
  ...toHeaders(['ETag'], []),
  'Cache-Control': {
    description: 'Any cache may keep it for some minutes.',
    required: true,
    schema: { type: 'string', const: DOCUMENTATION_CACHE_CONTROL },
  },
};

const NOT_MODIFIED = { description: 'The client has the current one.', headers: CACHEABLE };

/** The routes that are outside of Nest's controllers. */
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
        ...toProblems(NO_MORE, []),
      },
    },
  },
  '/api/docs': {
    get: {
      operationId: 'getDocs',
      tags: ['documentation'],
      summary: 'A page to try the routes, with all error codes',
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
          content: {
            'text/html': {
              schema: { type: 'string', format: 'binary', pattern: '^<!doctype html>', maxLength: 200_000 },
            },
          },
        },
        304: NOT_MODIFIED,
        ...toProblems(NO_MORE, []),
      },
    },
  },
};
