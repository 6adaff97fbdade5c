import { applyDecorators } from '@nestjs/common';
import { ApiOperation, ApiParam, ApiQuery, ApiResponse } from '@nestjs/swagger';
import { ALL_ERRORS, type AnyErrorCode, describeError } from '#shared/contract/error-codes';
import { type JsonSchema, toSchema } from './json-schema';
import { type HeaderName, toHeaders } from './operator-headers';

interface Answer {
  description: string;
  /** The name of its schema; absent: no body. */
  body?: string;
  headers?: readonly HeaderName[];
  /** Headers that it can have. */
  sometimes?: readonly HeaderName[];
}

interface Operation {
  id: string;
  tag: 'queries' | 'service';
  summary: string;
  description: string;
  parameters?: readonly Parameter[];
  answers: Readonly<Record<number, Answer>>;
  /** Whether it changes something, which a page of another site may not. */
  isChange?: boolean;
  /** Besides those that every operation can answer with. */
  codes: readonly AnyErrorCode[];
}

export interface Parameter {
  name: string;
  in: 'path' | 'query';
  description: string;
  schema: JsonSchema;
}

/** What the listener's guard refuses any request with. */
export const GUARD_CODES = [
  'UNAUTHENTICATED',
  'FORBIDDEN',
  'HOST_NOT_ALLOWED',
  'AUTH_UNAVAILABLE',
] as const satisfies readonly AnyErrorCode[];

/** Everything needs Redis, and anything can go wrong. */
const COMMON_CODES: readonly AnyErrorCode[] = [...GUARD_CODES, 'INTERNAL_ERROR', 'SERVICE_UNAVAILABLE'];

/** Puts an operation of the operators' listener into its document. */
export function DescribeOperation({
  id,
  tag,
  summary,
  description,
  parameters = [],
  answers,
  isChange = false,
  codes,
}: Operation) {
  const all = [...codes, ...COMMON_CODES, ...(isChange ? ['CROSS_SITE_REQUEST' as const] : [])];
  return applyDecorators(
    ApiOperation({ operationId: id, tags: [tag], summary, description }),
    ...parameters.map(({ in: place, ...parameter }) => {
      // Its types are those of OpenAPI 3.0, its values are passed through as they are.
      const options = { ...parameter, schema: parameter.schema as object };
      return place === 'path' ? ApiParam(options) : ApiQuery({ ...options, required: false });
    }),
    ...Object.entries({ ...answers }).map(([status, { description: meaning, body, headers = [], sometimes = [] }]) =>
      toResponse(Number(status), {
        description: meaning,
        headers: toHeaders(headers, sometimes),
        ...(body === undefined ? {} : { content: { 'application/json': { schema: toSchema(body) } } }),
      }),
    ),
    ...Object.entries(toProblems(all)).map(([status, problem]) => toResponse(Number(status), problem)),
  );
}

/** The problem documents with these codes, by status. */
export function toProblems(codes: readonly AnyErrorCode[]): Record<number, object> {
  const statuses = [...new Set(codes.map((code) => ALL_ERRORS[code].status))];
  return Object.fromEntries(statuses.map((status) => [status, toProblem(status, codes)] as const));
}

function toProblem(status: number, codes: readonly AnyErrorCode[]): object {
  const ofStatus = codes.filter((code) => ALL_ERRORS[code].status === status);
  const named = { status: { const: status }, code: { enum: ofStatus } };
  const schema = { allOf: [toSchema('Problem'), { type: 'object', required: ['status', 'code'], properties: named }] };
  const examples = Object.fromEntries(ofStatus.map((code) => [code, { $ref: `#/components/examples/${code}` }]));
  const headers: HeaderName[] = [];
  if (status === 503) headers.push('Retry-After');
  if (status === 405) headers.push('Allow');
  if (status === 401) headers.push('WWW-Authenticate');
  const sometimes: HeaderName[] = [];
  if (status === 409) sometimes.push('Retry-After');
  if (status === 403) sometimes.push('WWW-Authenticate');
  return {
    description: ofStatus.map((code) => `- \`${code}\`: ${describeError(code)}`).join('\n'),
    headers: toHeaders(headers, sometimes),
    content: { 'application/problem+json': { schema, examples } },
  };
}

function toResponse(status: number, response: object): MethodDecorator {
  return ApiResponse({ ...response, status });
}
