import type { INestApplication } from '@nestjs/common';
import { DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import { ALL_ERRORS, type AnyErrorCode, describeError } from '#shared/contract/error-codes';
import { GUARD_CODES, toProblems } from './describe-operation';
import { OPERATOR_HEADERS, SECURITY_HEADERS, toHeaders } from './operator-headers';
import { OPERATOR_SCHEMAS } from './operator-schemas';

const DESCRIPTION = `Manages the queries of all callers. For operators, on a listener of its own.

- Which credential is asked for is configured (\`OPERATOR_AUTH\`): HTTP Basic, a bearer token of Microsoft Entra ID, or,
  at loopback alone, none. It is checked before anything else and on every path: whoever has none gets 401 and learns
  nothing, not even which routes there are.
- A change that a page of another site has a browser send is refused with 403. Where no credential is asked for, so is
  every request whose \`Host\` is no loopback name.
- Errors are problem documents (RFC 9457); their \`type\` points to the code's example in this document.
- A \`GET\` route answers \`HEAD\` too, without a body. \`OPTIONS\` is answered with the methods of the route, any other
  method with 405, any other path with 404 (\`x-options\`, \`x-other-methods\`, \`x-other-paths\`). A request that is not
  valid HTTP, or has headers that are too slow or too large, is answered before that (\`x-unreadable\`, \`x-too-slow\`,
  \`x-headers-too-large\`).
- \`x-security-headers\` are with every answer, for browsers.
- The dashboard at \`/queues\` is for people, \`/metrics\` for Prometheus; neither is described here.`;

/** Relative: the document is right wherever it is served from. */
const SERVER = { url: '/', description: 'This listener, in production and wherever else it runs', 'x-internal': true };

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

/** Either is enough; the last is for a listener at loopback that asks nobody. */
const SECURITY = [{ basic: [] }, { bearer: [] }, {}];

const RESPONSES = {
  Options: { description: 'The methods that the route has.', headers: toHeaders(['Allow']) },
  MethodNotAllowed: toProblems(['METHOD_NOT_ALLOWED'])[405],
  RouteNotFound: toProblems(['ROUTE_NOT_FOUND'])[404],
  Unreadable: toProblems(['REQUEST_UNREADABLE'])[400],
  TooSlow: toProblems(['REQUEST_TOO_SLOW'])[408],
  HeadersTooLarge: toProblems(['HEADERS_TOO_LARGE'])[431],
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
  const { paths, ...document } = SwaggerModule.createDocument(app, {
    ...base,
    servers: [SERVER],
    components: {},
    security: SECURITY,
  });
  const { '/metrics': _metrics, ...described } = paths;
  const all = Object.entries({ ...described, ...DOCUMENT_PATH }).map(
    ([path, item]) =>
      [
        path,
        { ...item, 'x-options': toResponse('Options'), 'x-other-methods': toResponse('MethodNotAllowed') },
      ] as const,
  );
  const answers = JSON.stringify([all, RESPONSES, SECURITY_HEADERS]);
  const used = (kind: string) => (name: string) => answers.includes(`#/components/${kind}/${name}"`);
  const components = {
    securitySchemes: SECURITY_SCHEMES,
    schemas: OPERATOR_SCHEMAS,
    headers: pick(OPERATOR_HEADERS, used('headers')),
    responses: RESPONSES,
    examples: pick(PROBLEM_EXAMPLES, used('examples')),
  };
  const whole = {
    ...document,
    paths: Object.fromEntries(all),
    components,
    'x-other-paths': toResponse('RouteNotFound'),
    'x-unreadable': toResponse('Unreadable'),
    'x-too-slow': toResponse('TooSlow'),
    'x-headers-too-large': toResponse('HeadersTooLarge'),
    'x-security-headers': SECURITY_HEADERS,
  };
  // Through JSON: what is undefined is not there, and nobody can change what the decorators hold.
  return JSON.parse(JSON.stringify(whole)) as OpenAPIObject;
}

function pick<T>(all: Record<string, T>, isWanted: (name: string) => boolean): Record<string, T> {
  return Object.fromEntries(Object.entries(all).filter(([name]) => isWanted(name)));
}

const PROBLEM_EXAMPLES = Object.fromEntries(
  (Object.keys(ALL_ERRORS) as AnyErrorCode[]).map((code) => {
    const { title, status } = ALL_ERRORS[code];
    const detail = describeError(code);
    const type = `/operator/openapi.json#/components/examples/${code}`;
    const error = { code, message: detail };
    return [
      code,
      { summary: code, value: { type, title, status, code, detail, instance: '/operator/queries', error } },
    ];
  }),
);

/** The route that is no controller's. */
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
          headers: toHeaders([]),
          content: { 'application/json': { schema: { type: 'object', required: ['openapi', 'info', 'paths'] } } },
        },
        ...toProblems([...GUARD_CODES, 'INTERNAL_ERROR']),
      },
    },
  },
};
