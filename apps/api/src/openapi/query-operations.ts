import { applyDecorators } from '@nestjs/common';
import { ApiBody, ApiExtension, ApiHeader, ApiOperation, ApiParam, ApiQuery } from '@nestjs/swagger';
import { FAILURE_CODES } from '#shared/contract/error-codes';
import { type JsonSchema, toSchema } from '#shared/contract/json-schema';
import { toHeaders } from './headers';
import type { Answer, MediaType } from './problems';
import { ApiAnswers, AUTH_CODES, CHANGE_CODES, type RouteHeaders, toProblems } from './public-responses';
import { EXAMPLE_ID, QUERY_EXAMPLES } from './query-examples';
import { ID_SCHEMA, LIST_PARAMETERS } from './query-schemas';

/** The id in a path. */
export const ID_PARAMETER = {
  name: 'id',
  description: 'The `id` of the query.',
  schema: ID_SCHEMA as object,
  examples: { id: { value: EXAMPLE_ID } },
};

const WAIT_PARAMETER = {
  name: 'wait',
  required: false,
  description:
    'A long poll: the answer waits for so many seconds until the query has ended, or differs from `If-None-Match`. The service caps it.',
  schema: { type: 'integer', format: 'int32', minimum: 0, maximum: 999_999_999 },
};

const PREFER_WAIT = {
  name: 'Prefer',
  description: '`wait=N`: wait for up to N seconds (RFC 7240). The parameter `wait` takes precedence.',
  schema: { type: 'string', pattern: '^[\\x20-\\x7e]*$', maxLength: 1_000 },
};

export const IF_NONE_MATCH = {
  name: 'If-None-Match',
  description: 'The `ETag` of the document that the client has.',
  schema: { type: 'string', pattern: '^[\\x20-\\x7e]*$', maxLength: 1_000 },
};

const LAST_EVENT_ID = {
  name: 'Last-Event-ID',
  description: 'The `id` of the last event that the client has seen. The stream continues after it.',
  schema: { type: 'string', pattern: '^[\\x20-\\x7e]*$', maxLength: 100 },
};

const TAG = 'queries';

const LIMITS = ['RateLimit', 'RateLimit-Policy'] as const;

/** The limit on all requests of a caller, which only a refusal shows. */
const CALLER_LIMIT: RouteHeaders = { always: ['Cache-Control'], sometimes: LIMITS };
const SUBMIT: RouteHeaders = {
  always: ['Cache-Control', ...LIMITS],
  sometimes: LIMITS,
  ofQuery: ['Preference-Applied', 'Idempotency-Replayed'],
};
const POLL: RouteHeaders = {
  always: ['Cache-Control', ...LIMITS],
  sometimes: LIMITS,
  ofQuery: ['Preference-Applied'],
};

const DOCUMENT = ['ETag', 'Access-Control-Expose-Headers'] as const;

const BODY_CODES = ['BODY_NOT_JSON', 'BODY_TOO_LARGE', 'MEDIA_TYPE_UNSUPPORTED'] as const;
/** A path with a bad percent-encoding is no route. */
const ID_CODES = ['QUERY_NOT_FOUND', 'ROUTE_NOT_FOUND'] as const;

/** `POST /api/queries` */
export function SubmitQueryOperation(): MethodDecorator {
  return applyDecorators(
    ApiOperation({
      operationId: 'submitQuery',
      tags: [TAG],
      summary: 'Submit a query',
      description:
        'An accepted query is durably queued. Poll `Location`, waiting `Retry-After` seconds, until the status is no longer 202.',
    }),
    ApiHeader({
      name: 'Idempotency-Key',
      description:
        'All submissions with the same key are one query. The same key with another body is rejected. Send a new UUID for a new query.',
      schema: { type: 'string', minLength: 1, maxLength: 255, pattern: '^[^\\x00-\\x1f\\x7f]+$' },
    }),
    ApiHeader(PREFER_WAIT),
    ApiBody({
      required: true,
      schema: toSchema('QuerySubmission') as { $ref: string },
      examples: {
        anew: { summary: 'Everything read anew', value: { start: '2021-10-10', end: '2021-12-10' } },
        reuse: {
          summary: 'Days of the last hour reused',
          value: { start: '2021-10-10', end: '2021-12-10', maxAgeSeconds: 3_600 },
        },
      },
    }),
    ApiAnswers({
      200: {
        description: 'The query ended within the wait of `Prefer`.',
        headers: toHeaders([...SUBMIT.always, ...DOCUMENT, 'Preference-Applied'], ['Idempotency-Replayed']),
        content: queryContent('Completed'),
      },
      202: {
        description: 'Queued. The result will be at `Location`.',
        headers: toHeaders(
          [...SUBMIT.always, ...DOCUMENT, 'Location', 'Retry-After'],
          ['Preference-Applied', 'Idempotency-Replayed'],
        ),
        content: queryContent('Pending'),
      },
      ...toProblems(SUBMIT, [
        ...CHANGE_CODES,
        'BODY_MISSING',
        ...BODY_CODES,
        'REQUEST_INVALID',
        'QUERY_RANGE_INVALID',
        'QUERY_RANGE_TOO_LONG',
        'IDEMPOTENCY_KEY_INVALID',
        'QUERY_NOT_FOUND',
        ...FAILURE_CODES,
        'IDEMPOTENCY_KEY_REUSED',
        'RATE_LIMITED',
        'TOO_MANY_LIVE_QUERIES',
        'SERVICE_UNAVAILABLE',
      ]),
    }),
  );
}

/** `GET /api/queries` */
export function ListQueriesOperation(): MethodDecorator {
  return applyDecorators(
    ApiOperation({
      operationId: 'listQueries',
      tags: [TAG],
      summary: 'List your queries',
      description: 'Newest first. A page can be short or empty and still have a next one.',
    }),
    ...LIST_PARAMETERS.map((parameter) =>
      ApiQuery({ ...parameter, required: false, schema: parameter.schema as object }),
    ),
    ApiAnswers({
      200: {
        description: 'A page of the list.',
        headers: toHeaders(CALLER_LIMIT.always, ['Link']),
        content: { 'application/json': { schema: toSchema('QueryPage'), examples: PAGE_EXAMPLES } },
      },
      ...toProblems(CALLER_LIMIT, [...AUTH_CODES, 'REQUEST_INVALID', 'RATE_LIMITED', 'SERVICE_UNAVAILABLE']),
    }),
  );
}

/** `GET /api/queries/{id}` */
export function GetQueryOperation(): MethodDecorator {
  return applyDecorators(
    ApiOperation({
      operationId: 'getQuery',
      tags: [TAG],
      summary: 'Read the status of a query',
      description:
        'The status document. With `Accept: text/html` this and every error but 406 is a page for a browser; with ' +
        '`Accept: text/event-stream` it is the stream of events (`x-other-forms`).',
    }),
    // Beside JSON in the responses, these would make each result of a generated client a union of types.
    ApiExtension('x-other-forms', { 'text/html': { schema: HTML }, 'text/event-stream': EVENTS }),
    ApiParam(ID_PARAMETER),
    ApiQuery(WAIT_PARAMETER),
    ApiHeader(PREFER_WAIT),
    ApiHeader(IF_NONE_MATCH),
    ApiHeader(LAST_EVENT_ID),
    ApiAnswers({
      200: {
        description: 'The query, live (with `Retry-After`) or ended.',
        headers: toHeaders(
          [...POLL.always, 'Vary'],
          [
            ...DOCUMENT,
            'Preference-Applied',
            'Retry-After',
            'Content-Security-Policy',
            'Cross-Origin-Opener-Policy',
            'Referrer-Policy',
            'X-Content-Type-Options',
            'X-Accel-Buffering',
          ],
        ),
        content: queryContent('Pending', 'Running', 'Completed', 'Terminated'),
      },
      204: NOTHING_NEW,
      304: NOT_MODIFIED,
      ...toProblems(POLL, [
        ...AUTH_CODES,
        'REQUEST_INVALID',
        ...ID_CODES,
        'NOT_ACCEPTABLE',
        'RATE_LIMITED',
        'TOO_MANY_STREAMS',
        'SERVICE_UNAVAILABLE',
      ]),
    }),
  );
}

/** `GET /api/queries/{id}/result` */
export function GetQueryResultOperation(): MethodDecorator {
  return applyDecorators(
    ApiOperation({
      operationId: 'getQueryResult',
      tags: [TAG],
      summary: 'Follow a query to its result',
      description:
        'The target of `Location`: 202 while the query is live, then the result, or the reason why it has none.',
    }),
    ApiParam(ID_PARAMETER),
    ApiQuery(WAIT_PARAMETER),
    ApiHeader(PREFER_WAIT),
    ApiHeader(IF_NONE_MATCH),
    ApiAnswers({
      200: {
        description: 'Completed.',
        headers: toHeaders([...POLL.always, ...DOCUMENT], ['Preference-Applied']),
        content: queryContent('Completed'),
      },
      202: {
        description: 'Not ended yet: request `Location` again after `Retry-After` seconds.',
        headers: toHeaders([...POLL.always, ...DOCUMENT, 'Location', 'Retry-After'], ['Preference-Applied']),
        content: queryContent('Pending', 'Running'),
      },
      304: NOT_MODIFIED,
      ...toProblems(POLL, [
        ...AUTH_CODES,
        'REQUEST_INVALID',
        ...ID_CODES,
        ...FAILURE_CODES,
        'RATE_LIMITED',
        'SERVICE_UNAVAILABLE',
      ]),
    }),
  );
}

/** `GET /api/queries/{id}/events` */
export function StreamQueryEventsOperation(): MethodDecorator {
  return applyDecorators(
    ApiOperation({
      operationId: 'streamQueryEvents',
      tags: [TAG],
      summary: 'Stream the changes of a query',
      description: 'Server-sent events: `progress` at each change, `end` at the end. The data is the status document.',
    }),
    ApiParam(ID_PARAMETER),
    ApiHeader(PREFER_WAIT),
    ApiHeader(LAST_EVENT_ID),
    ApiAnswers({
      200: {
        description: 'The stream. The service closes it after `end`.',
        headers: toHeaders([...POLL.always, 'X-Accel-Buffering'], ['Preference-Applied']),
        content: { 'text/event-stream': EVENTS },
      },
      204: NOTHING_NEW,
      ...toProblems(POLL, [...AUTH_CODES, ...ID_CODES, 'RATE_LIMITED', 'TOO_MANY_STREAMS', 'SERVICE_UNAVAILABLE']),
    }),
  );
}

/** `DELETE /api/queries/{id}` */
export function TerminateQueryOperation(): MethodDecorator {
  return applyDecorators(
    ApiOperation({
      operationId: 'terminateQuery',
      tags: [TAG],
      summary: 'Terminate a query',
      description: 'Takes effect at once, also while no worker is alive. A query that has ended does not change.',
    }),
    ApiParam(ID_PARAMETER),
    ApiHeader(IF_NONE_MATCH),
    ApiAnswers({
      200: {
        description: 'The query had ended before.',
        headers: toHeaders([...CALLER_LIMIT.always, ...DOCUMENT], []),
        content: queryContent('Completed', 'Terminated'),
      },
      202: {
        description: 'Terminated by this request.',
        headers: toHeaders([...CALLER_LIMIT.always, ...DOCUMENT], []),
        content: queryContent('Terminated'),
      },
      ...toProblems(CALLER_LIMIT, [
        ...CHANGE_CODES,
        'BODY_TOO_LARGE',
        'MEDIA_TYPE_UNSUPPORTED',
        ...ID_CODES,
        'RATE_LIMITED',
        'SERVICE_UNAVAILABLE',
      ]),
    }),
  );
}

const HTML: JsonSchema = { type: 'string', pattern: '^<!doctype html>', maxLength: 200_000 };

const EVENTS = {
  schema: {
    type: 'string',
    // Generators read a text without a format as JSON.
    format: 'binary',
    description: '`data` is a status document; `id` is its revision, for `Last-Event-ID`.',
    pattern: '^(retry: \\d+\\n|event: (progress|end)\\nid: |: still there)',
    maxLength: 10_000_000,
  },
  examples: {
    progress: {
      value: 'retry: 3000\n\nevent: progress\nid: 2jmj7l5rSw0yVb_vlWAYkK_YBwk\ndata: {"id":"433ebcfe…"}\n\n',
    },
  },
} satisfies { schema: JsonSchema; examples: object };

const NOTHING_NEW: Answer = {
  description: 'The client has seen the end of the stream (`Last-Event-ID`) and need not reconnect.',
  headers: toHeaders(LIMITS, ['Cache-Control', 'Preference-Applied']),
};

const NOT_MODIFIED: Answer = {
  description: 'The client has this document.',
  headers: toHeaders([...POLL.always, ...DOCUMENT], ['Location', 'Preference-Applied', 'Retry-After']),
};

const PAGE_EXAMPLES = {
  empty: { summary: 'No queries', value: { items: [], nextPageToken: null } },
};

/** A status document. */
function queryContent(...statuses: (keyof typeof QUERY_EXAMPLES)[]): Record<string, MediaType> {
  const examples = statuses.map((status) => [status, { $ref: `#/components/examples/${status}` }] as const);
  return { 'application/json': { schema: toSchema('Query'), examples: Object.fromEntries(examples) } };
}
