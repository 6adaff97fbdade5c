import { applyDecorators } from '@nestjs/common';
import { ApiResponse } from '@nestjs/swagger';
import { ERROR_TABLE, type ErrorCode } from '#shared/contract/error-codes';
import { toSchema } from '#shared/contract/json-schema';
import { type HeaderName, toHeaders } from './headers';
import { type Answer, type MediaType, toErrorAnswers } from './problems';

/** What the answers of a route have in common. */
export interface RouteHeaders {
  /** On every answer of success. */
  readonly always: readonly HeaderName[];
  /** On any answer, also on an error. */
  readonly sometimes: readonly HeaderName[];
  /** On the errors of a query that the route has read. */
  readonly ofQuery?: readonly HeaderName[];
}

/** The responses of a route by status, for its operation. */
export function ApiAnswers(answers: Readonly<Record<number, Answer>>): MethodDecorator {
  return applyDecorators(
    ...Object.entries(answers).map(([status, answer]) =>
      // The decorator's types are those of OpenAPI 3.0; it passes the values through unchanged.
      ApiResponse({ ...(answer as object), status: Number(status) }),
    ),
  );
}

/** How every route that needs a credential refuses a request for it. */
export const AUTH_CODES = [
  'UNAUTHENTICATED',
  'FORBIDDEN',
  'HOST_NOT_ALLOWED',
  'AUTH_UNAVAILABLE',
] as const satisfies ErrorCode[];

/** Of a route that submits or terminates. */
export const CHANGE_CODES = [...AUTH_CODES, 'CROSS_SITE_REQUEST'] as const satisfies ErrorCode[];

/** The problem documents of a route: one answer for each status of its codes. */
export function toProblems(headers: RouteHeaders, codes: readonly ErrorCode[]): Record<number, Answer> {
  return toErrorAnswers([...codes, 'INTERNAL_ERROR'], (status) => toErrorHeaders(status, headers));
}

/** The errors of the original's routes, which are one text. */
export function toOriginalErrors(headers: RouteHeaders, codes: readonly ErrorCode[]): Record<number, Answer> {
  return toErrorAnswers(
    [...codes, 'INTERNAL_ERROR'],
    (status) => toErrorHeaders(status, headers),
    (status, ofStatus) => (status === 404 ? NOT_FOUND : toOriginalContent(ofStatus as ErrorCode[])),
  );
}

const NOT_FOUND: Record<string, MediaType> = {
  'text/plain': {
    schema: { type: 'string', pattern: '\\S', maxLength: 64 },
    examples: { unknown: { value: 'Job not found' } },
  },
};

function toOriginalContent([code = 'INTERNAL_ERROR']: readonly ErrorCode[]): Record<string, MediaType> {
  const examples = { [code]: { value: { error: ERROR_TABLE[code].title } } };
  return { 'application/json': { schema: toSchema('OriginalError'), examples } };
}

/** The statuses of a request that is refused before the service has read its query. */
const BEFORE_QUERY = [400, 401, 403, 405, 406, 413, 415, 422, 429];

function toErrorHeaders(status: number, { sometimes, ofQuery = [] }: RouteHeaders) {
  const always: HeaderName[] = ['Cache-Control'];
  if (status === 429 || status === 503) always.push('Retry-After');
  if (status === 405) always.push('Allow');
  if (status === 401) always.push('WWW-Authenticate');
  const more: HeaderName[] = BEFORE_QUERY.includes(status) ? [] : [...ofQuery];
  // HOST_NOT_ALLOWED and CROSS_SITE_REQUEST are refused with any credential, and have no such header.
  if (status === 403) more.push('WWW-Authenticate');
  return toHeaders(always, [...sometimes, ...more]);
}
