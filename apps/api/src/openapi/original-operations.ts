import { applyDecorators } from '@nestjs/common';
import { ApiOperation, ApiParam, ApiQuery } from '@nestjs/swagger';
import { closedObject, type JsonSchema, toSchema } from '#shared/contract/json-schema';
import { toHeaders } from './headers';
import { ApiAnswers, AUTH_CODES, CHANGE_CODES, type RouteHeaders, toOriginalErrors } from './public-responses';
import { EXAMPLE_ID } from './query-examples';
import { ID_PARAMETER } from './query-operations';
import { ID_SCHEMA } from './query-schemas';

const TAG = 'original';

const LIMITS = ['RateLimit', 'RateLimit-Policy'] as const;
const HEADERS: RouteHeaders = { always: ['Cache-Control', ...LIMITS], sometimes: LIMITS };

/** Without a type: a generated client that expects a number cannot read the text of a failed query. */
const RESULT: JsonSchema = {
  description:
    'A whole number when the query is Completed; a text that begins with a code when it is Failed or Terminated; null before.',
};

export const ORIGINAL_SCHEMAS: Record<string, JsonSchema> = {
  OriginalSubmission: closedObject('The address of the status.', {
    statusUri: { type: 'string', format: 'uri-reference', maxLength: 2_048 },
  }),
  OriginalStatus: closedObject('The status of the query.', {
    id: ID_SCHEMA,
    status: toSchema('QueryStatus'),
    result: RESULT,
  }),
};

/** `GET` and `POST /api/submit/query` */
export function SubmitOriginalOperation(operationId: 'submitOriginalQuery' | 'postOriginalQuery'): MethodDecorator {
  const date = (name: 's' | 'e', description: string) =>
    ApiQuery({
      name,
      description: `${description} Day first, as in 10/12/2021 for 10 December; or ISO.`,
      schema: { type: 'string', pattern: '\\d', maxLength: 64 },
    });
  const isPost = operationId === 'postOriginalQuery';
  return applyDecorators(
    ApiOperation({
      operationId,
      tags: [TAG],
      summary: `Submit a query, in the form of the original service${isPost ? ', by POST' : ''}`,
      description: `For the original’s clients; new ones should use \`submitQuery\`.${isPost ? ' The service ignores the body.' : ''}`,
    }),
    date('s', 'The first day.'),
    date('e', 'The last day, at least one after the first.'),
    ApiAnswers({
      202: {
        description: 'Queued.',
        headers: toHeaders([...HEADERS.always, 'Location', 'Retry-After'], []),
        content: {
          'application/json': {
            schema: toSchema('OriginalSubmission'),
            examples: { queued: { value: { statusUri: `/api/status/${EXAMPLE_ID}` } } },
          },
        },
      },
      ...toOriginalErrors(HEADERS, [
        ...CHANGE_CODES,
        'REQUEST_INVALID',
        'QUERY_RANGE_INVALID',
        'QUERY_RANGE_TOO_LONG',
        ...(isPost ? (['BODY_TOO_LARGE', 'MEDIA_TYPE_UNSUPPORTED'] as const) : []),
        'RATE_LIMITED',
        'TOO_MANY_LIVE_QUERIES',
        'SERVICE_UNAVAILABLE',
      ]),
    }),
  );
}

/** `GET /api/status/{id}` */
export function GetOriginalStatusOperation(): MethodDecorator {
  const content = (value: object) => ({
    'application/json': { schema: toSchema('OriginalStatus'), examples: { status: { value } } },
  });
  return applyDecorators(
    ApiOperation({
      operationId: 'getOriginalStatus',
      tags: [TAG],
      summary: 'Read the status of a query, in the form of the original service',
      description: 'For the original’s clients; new ones should use `getQueryResult`.',
    }),
    ApiParam(ID_PARAMETER),
    ApiAnswers({
      200: {
        description: 'Ended.',
        headers: toHeaders(HEADERS.always, []),
        content: content({ id: EXAMPLE_ID, status: 'Completed', result: 119 }),
      },
      202: {
        description: 'Not ended yet.',
        headers: toHeaders([...HEADERS.always, 'Location', 'Retry-After'], []),
        content: content({ id: EXAMPLE_ID, status: 'Running', result: null }),
      },
      ...toOriginalErrors(HEADERS, [
        ...AUTH_CODES,
        'QUERY_NOT_FOUND',
        'ROUTE_NOT_FOUND',
        'RATE_LIMITED',
        'SERVICE_UNAVAILABLE',
      ]),
    }),
  );
}
