import { applyDecorators } from '@nestjs/common';
import { ApiResponse } from '@nestjs/swagger';
import { ERROR_TABLE, type ErrorCode } from '#shared/contract/error-codes';
import { describeCodes, toProblemSchema } from './problems';
import { type HeaderName, toHeaders } from './headers';
import { type JsonSchema, toSchema } from './json-schema';
import { QUERY_EXAMPLES } from './query-examples';

interface MediaType {
  readonly schema: JsonSchema;
  readonly examples?: Readonly<Record<string, unknown>>;
}

/** A response object of OpenAPI. */
export interface Answer {
  readonly description: string;
  readonly headers: Record<string, { $ref: string }>;
  readonly content?: Readonly<Record<string, MediaType>>;
}

/** What the answers of a route have in common. */
export interface RouteHeaders {
  /** On every answer of success. */
  readonly always: readonly HeaderName[];
  /** On any answer, an error too: some are set before the error is known. */
  readonly sometimes: readonly HeaderName[];
}

/** The responses of a route by status, for its operation. */
export function ApiAnswers(answers: Readonly<Record<number, Answer>>): MethodDecorator {
  return applyDecorators(
    ...Object.entries(answers).map(([status, answer]) =>
      // Its types are those of OpenAPI 3.0, its values are passed through as they are.
      ApiResponse({ ...(answer as object), status: Number(status) }),
    ),
  );
}

/** A status document. */
export function queryContent(...statuses: (keyof typeof QUERY_EXAMPLES)[]): Record<string, MediaType> {
  const examples = statuses.map((status) => [status, { $ref: `#/components/examples/${status}` }] as const);
  return { 'application/json': { schema: toSchema('Query'), examples: Object.fromEntries(examples) } };
}

/** The ways in which a request is refused for its credential, or the lack of any, on every route that asks for one. */
export const AUTH_CODES = [
  'UNAUTHENTICATED',
  'FORBIDDEN',
  'HOST_NOT_ALLOWED',
  'AUTH_UNAVAILABLE',
] as const satisfies ErrorCode[];

/** Of a route that submits or terminates. */
export const CHANGE_CODES = [...AUTH_CODES, 'CROSS_SITE_REQUEST'] as const satisfies ErrorCode[];

/** The problem documents of a route: one answer for each status that its codes have. */
export function problems(headers: RouteHeaders, codes: readonly ErrorCode[]): Record<number, Answer> {
  return byStatus(headers, [...codes, 'INTERNAL_ERROR'], (status, ofStatus) => ({
    'application/problem+json': {
      schema: toProblemSchema(status, ofStatus),
      examples: Object.fromEntries(ofStatus.map((code) => [code, { $ref: `#/components/examples/${code}` }])),
    },
  }));
}

/** The errors of the original's routes, which are one text. */
export function originalErrors(headers: RouteHeaders, codes: readonly ErrorCode[]): Record<number, Answer> {
  return byStatus(headers, [...codes, 'INTERNAL_ERROR'], (status, ofStatus) =>
    status === 404
      ? { 'text/plain': { schema: { type: 'string', pattern: '\\S', maxLength: 64 }, example: 'Job not found' } }
      : {
          'application/json': {
            schema: toSchema('OriginalError'),
            examples: Object.fromEntries(
              ofStatus.map((code) => [code, { value: { error: ERROR_TABLE[code].title } }] as const),
            ),
          },
        },
  );
}

function byStatus(
  { sometimes }: RouteHeaders,
  codes: readonly ErrorCode[],
  toContent: (status: number, codes: ErrorCode[]) => Record<string, MediaType>,
): Record<number, Answer> {
  const statuses = [...new Set(codes.map((code) => ERROR_TABLE[code].status))];
  return Object.fromEntries(
    statuses.map((status) => {
      const ofStatus = codes.filter((code) => ERROR_TABLE[code].status === status);
      const always: HeaderName[] = ['Cache-Control'];
      if (status === 429 || status === 503) always.push('Retry-After');
      if (status === 405) always.push('Allow');
      if (status === 401) always.push('WWW-Authenticate');
      // Not where no credential would help.
      const headers = toHeaders(always, status === 403 ? [...sometimes, 'WWW-Authenticate'] : sometimes);
      return [status, { description: describeCodes(ofStatus), headers, content: toContent(status, ofStatus) }] as const;
    }),
  );
}
