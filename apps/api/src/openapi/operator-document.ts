import type { INestApplication } from '@nestjs/common';
import { DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import { OPERATOR_COMMON_HEADERS, toHeaderComponents, toOperatorHeaders } from './headers';
import { GUARD_CODES, toOperatorProblems } from './operator-operations';
import { toOperatorSchemas } from './operator-schemas';
import { type Answer, pickUsed, shareErrors, toProblemExamples } from './problems';
import { CONTRACT_CLASSES } from './query-schemas';

const DESCRIPTION = `Manages the queries of all callers. For operators, on a listener of its own.

- \`OPERATOR_AUTH\` selects the credential: HTTP Basic, a bearer token of Microsoft Entra ID, or, at loopback only, none. The
  listener checks it first and on every path. A request without a credential gets 401, also on an unknown path.
- A change that a page of another site sends gets 403. Without \`OPERATOR_AUTH\`, so does every request whose \`Host\` is no
  loopback name.
- Errors are problem documents (RFC 9457); their \`type\` points to the code's example in this document. Each error response
  lists its codes in its description and in \`x-codes\`.
- A \`GET\` route answers \`HEAD\` too, without a body. \`OPTIONS\` returns the methods of the route. Any other method gets 405,
  any other path 404 (\`x-options\`, \`x-other-methods\`, \`x-other-paths\`). A request that is not valid HTTP, or has headers
  that are too slow or too large, gets an error too (\`x-unreadable\`, \`x-too-slow\`, \`x-headers-too-large\`).
- Every answer has the headers of \`x-common-headers\`, which are for browsers.
- The dashboard at \`/queues\` is for people, \`/metrics\` for Prometheus; this document describes neither.`;

/** Relative: the document is right at any address, and a generator that reads it there finds the address. */
const SERVER = { url: '/', description: 'This listener, in production and anywhere else', 'x-internal': true };

const SECURITY_SCHEMES = {
  basic: {
    type: 'http',
    scheme: 'basic',
    description: 'The name of an operator and its key, of 256 random bits, checked as RFC7617 wants it.',
  },
  bearer: {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'JWT',
    description: 'An access token of Microsoft Entra ID, version 2.0, checked as RFC8725 wants it.',
  },
};

/** One is enough; the last is for a listener at loopback without `OPERATOR_AUTH`. */
const SECURITY = [{ basic: [] }, { bearer: [] }, {}];

/** The answers outside of the operations. */
const RESPONSES: Record<
  'Options' | 'MethodNotAllowed' | 'RouteNotFound' | 'Unreadable' | 'TooSlow' | 'HeadersTooLarge',
  Answer | undefined
> = {
  Options: { description: 'The methods of the route.', headers: toOperatorHeaders(['Allow']) },
  MethodNotAllowed: toOperatorProblems(['METHOD_NOT_ALLOWED'])[405],
  RouteNotFound: toOperatorProblems(['ROUTE_NOT_FOUND'])[404],
  Unreadable: toOperatorProblems(['REQUEST_UNREADABLE'])[400],
  TooSlow: toOperatorProblems(['REQUEST_TOO_SLOW'])[408],
  HeadersTooLarge: toOperatorProblems(['HEADERS_TOO_LARGE'])[431],
};

const toResponse = (name: keyof typeof RESPONSES) => ({ $ref: `#/components/responses/${name}` });

/** The OpenAPI document of the operators' listener, from its controllers. */
export function createOperatorDocument(app: INestApplication): OpenAPIObject {
  const base = new DocumentBuilder()
    .setOpenAPIVersion('3.1.0')
    .setTitle('Audit Query for operators')
    .setDescription(DESCRIPTION)
    .setVersion('1')
    .setLicense('MIT', 'https://spdx.org/licenses/MIT.html')
    .addTag('queries', 'The queries of all callers.')
    .addTag('service', 'The service as a whole.')
    .addTag('documentation', 'This document.')
    .build();
  const nest = SwaggerModule.createDocument(
    app,
    { ...base, servers: [SERVER], components: {}, security: SECURITY },
    { extraModels: CONTRACT_CLASSES },
  );
  const { '/metrics': _metrics, ...described } = nest.paths;
  const { paths, responses } = shareErrors({ ...described, ...DOCUMENT_PATH });
  const others = { 'x-options': toResponse('Options'), 'x-other-methods': toResponse('MethodNotAllowed') };
  const all = Object.entries(paths).map(([path, item]) => [path, { ...item, ...others }] as const);
  // A problem refers to the example of its code, so there is one for each that a response can have.
  const codes = Object.values({ ...responses, ...RESPONSES }).flatMap((answer) => answer?.['x-codes'] ?? []);
  const examples = toProblemExamples([...new Set(codes)], EXPLANATION, () => '/operator/queries');
  // Through JSON: drops undefined members, and copies what the decorators hold.
  const whole = {
    ...nest,
    paths: Object.fromEntries(all),
    components: {
      securitySchemes: SECURITY_SCHEMES,
      schemas: toOperatorSchemas(nest.components?.schemas),
      headers: pickUsed('headers', toHeaderComponents('operator'), [
        all,
        responses,
        RESPONSES,
        OPERATOR_COMMON_HEADERS,
      ]),
      responses: { ...responses, ...RESPONSES },
      examples,
    },
    'x-other-paths': toResponse('RouteNotFound'),
    'x-unreadable': toResponse('Unreadable'),
    'x-too-slow': toResponse('TooSlow'),
    'x-headers-too-large': toResponse('HeadersTooLarge'),
    'x-common-headers': OPERATOR_COMMON_HEADERS,
  };
  return JSON.parse(JSON.stringify(whole)) as OpenAPIObject;
}

const EXPLANATION = '/operator/openapi.json#/components/examples/';

/** The route that is outside of Nest's controllers. */
const DOCUMENT_PATH = {
  '/operator/openapi.json': {
    get: {
      operationId: 'getOperatorDocument',
      tags: ['documentation'],
      summary: 'This document',
      description: 'OpenAPI 3.1.',
      responses: {
        200: {
          description: 'The document.',
          headers: toOperatorHeaders(),
          content: { 'application/json': { schema: { type: 'object', required: ['openapi', 'info', 'paths'] } } },
        },
        ...toOperatorProblems([...GUARD_CODES, 'INTERNAL_ERROR']),
      },
    },
  },
};
