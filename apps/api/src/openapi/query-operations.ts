import { applyDecorators } from '@nestjs/common';
import { ApiBody, ApiHeader, ApiOperation, ApiParam, ApiQuery } from '@nestjs/swagger';
import {
  type Answer,
  ApiAnswers,
  AUTH_CODES,
  CHANGE_CODES,
  problems,
  queryContent,
  type RouteHeaders,
} from './api-responses';
import { toHeaders } from './headers';
import { ID_PARAMETER, IF_NONE_MATCH, LAST_EVENT_ID, PREFER_WAIT, WAIT_PARAMETER } from './parameters';
import { type JsonSchema, toSchema } from './json-schema';
import { FAILURE_CODES } from '#shared/contract/error-codes';
import { STATUS_SCHEMA } from './query-schemas';

const TAG = 'queries';

const LIMITS = ['RateLimit', 'RateLimit-Policy'] as const;

/** Counted as a request of the caller alone, which only a refusal tells. */
const CALLER_LIMIT: RouteHeaders = { always: ['Cache-Control'], sometimes: LIMITS };
const SUBMIT: RouteHeaders = {
  always: ['Cache-Control', ...LIMITS],
  sometimes: [...LIMITS, 'Preference-Applied', 'Idempotency-Replayed'],
};
const POLL: RouteHeaders = { always: ['Cache-Control', ...LIMITS], sometimes: [...LIMITS, 'Preference-Applied'] };

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
        'Accepted means durably queued. Follow `Location`, wait `Retry-After` in between, stop at anything but 202.',
    }),
    ApiHeader({
      name: 'Idempotency-Key',
      description:
        'Makes all submissions under it one query; the same key with another body is refused. A new UUID is a good one.',
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
        description: 'The query ended while the answer was held back, as `Prefer: wait` asks.',
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
      ...problems(SUBMIT, [
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
  const created = (name: string, description: string) =>
    ApiQuery({
      name,
      required: false,
      description,
      schema: TIME,
    });
  return applyDecorators(
    ApiOperation({
      operationId: 'listQueries',
      tags: [TAG],
      summary: 'List your queries',
      description: 'Newest first. A page can be short, even empty, and still have a next one.',
    }),
    ApiQuery({ name: 'status', required: false, schema: STATUS_SCHEMA as object }),
    created('createdAfter', 'A time such as 2021-10-10T08:30:00Z, or a day, which begins at midnight UTC. Inclusive.'),
    created('createdBefore', 'A time such as 2021-10-10T08:30:00Z, or a day, which begins at midnight UTC. Inclusive.'),
    ApiQuery({
      name: 'pageSize',
      required: false,
      schema: { type: 'integer', format: 'int32', minimum: 1, maximum: 100, default: 20 },
    }),
    ApiQuery({
      name: 'pageToken',
      required: false,
      description: 'The `nextPageToken` of the page before.',
      schema: { type: 'string', pattern: '^\\d{1,15}-[0-9a-f]{32}$', maxLength: 48 },
    }),
    ApiAnswers({
      200: {
        description: 'A page of the list.',
        headers: toHeaders(CALLER_LIMIT.always, ['Link']),
        content: { 'application/json': { schema: toSchema('QueryPage'), examples: PAGE_EXAMPLES } },
      },
      ...problems(CALLER_LIMIT, [...AUTH_CODES, 'REQUEST_INVALID', 'RATE_LIMITED', 'SERVICE_UNAVAILABLE']),
    }),
  );
}

/** `GET /api/queries/{id}` */
export function GetQueryOperation(): MethodDecorator {
  return applyDecorators(
    ApiOperation({
      operationId: 'getQuery',
      tags: [TAG],
      summary: 'Read how a query is',
      description:
        'The status document; a page for a person’s browser with `Accept: text/html`; the stream of events with `Accept: text/event-stream`.',
    }),
    ApiParam(ID_PARAMETER),
    ApiQuery(WAIT_PARAMETER),
    ApiHeader(PREFER_WAIT),
    ApiHeader(IF_NONE_MATCH),
    ApiHeader(LAST_EVENT_ID),
    ApiAnswers({
      200: {
        description: 'The query, alive (with `Retry-After`) or ended.',
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
        content: {
          ...queryContent('Pending', 'Running', 'Completed', 'Terminated'),
          'text/html': { schema: HTML },
          'text/event-stream': EVENTS,
        },
      },
      204: NOTHING_NEW,
      304: NOT_MODIFIED,
      ...withPage(
        problems(POLL, [
          ...AUTH_CODES,
          'REQUEST_INVALID',
          ...ID_CODES,
          'NOT_ACCEPTABLE',
          'RATE_LIMITED',
          'TOO_MANY_STREAMS',
          'SERVICE_UNAVAILABLE',
        ]),
      ),
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
      description: 'The target of `Location`: 202 while the query is alive, then the result, or why there is none.',
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
        description: 'Not ended yet: ask again at `Location` after `Retry-After`.',
        headers: toHeaders([...POLL.always, ...DOCUMENT, 'Location', 'Retry-After'], ['Preference-Applied']),
        content: queryContent('Pending', 'Running'),
      },
      304: NOT_MODIFIED,
      ...problems(POLL, [
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
      summary: 'Be told how a query goes on',
      description: 'Server-Sent Events: `progress` at each change, at last `end`; the data is the status document.',
    }),
    ApiParam(ID_PARAMETER),
    ApiHeader(PREFER_WAIT),
    ApiHeader(LAST_EVENT_ID),
    ApiAnswers({
      200: {
        description: 'The stream; it ends after `end`.',
        headers: toHeaders([...POLL.always, 'X-Accel-Buffering'], ['Preference-Applied']),
        content: { 'text/event-stream': EVENTS },
      },
      204: NOTHING_NEW,
      ...problems(POLL, [...AUTH_CODES, ...ID_CODES, 'RATE_LIMITED', 'TOO_MANY_STREAMS', 'SERVICE_UNAVAILABLE']),
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
      description: 'For good, whether or not any worker lives. What has ended stays as it is.',
    }),
    ApiParam(ID_PARAMETER),
    ApiHeader(IF_NONE_MATCH),
    ApiAnswers({
      200: {
        description: 'It had ended before.',
        headers: toHeaders([...CALLER_LIMIT.always, ...DOCUMENT], []),
        content: queryContent('Completed', 'Terminated'),
      },
      202: {
        description: 'Terminated by this request.',
        headers: toHeaders([...CALLER_LIMIT.always, ...DOCUMENT], []),
        content: queryContent('Terminated'),
      },
      ...problems(CALLER_LIMIT, [
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

const TIME = {
  type: 'string',
  pattern: '^\\d{4}-\\d\\d-\\d\\d(T\\d\\d:\\d\\d(:\\d\\d(\\.\\d{1,3})?)?(Z|[+-]\\d\\d:\\d\\d))?$',
  maxLength: 29,
};

const HTML: JsonSchema = { type: 'string', pattern: '^<!doctype html>', maxLength: 200_000 };

/** A person's browser is told with a page, but where it takes none. */
function withPage(answers: Record<number, Answer>): Record<number, Answer> {
  const add = (answer: Answer | undefined) =>
    answer && { ...answer, content: { ...answer.content, 'text/html': { schema: HTML } } };
  return Object.fromEntries(
    Object.entries(answers).map(([status, answer]) => [status, status === '406' ? answer : add(answer)]),
  ) as Record<number, Answer>;
}

const EVENTS = {
  schema: {
    type: 'string',
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
  description: 'The client of the event stream has seen the end (`Last-Event-ID`): it need not come back.',
  headers: toHeaders(LIMITS, ['Cache-Control', 'Preference-Applied']),
};

const NOT_MODIFIED: Answer = {
  description: 'The client has this document already.',
  headers: toHeaders([...POLL.always, ...DOCUMENT], ['Location', 'Preference-Applied', 'Retry-After']),
};

const PAGE_EXAMPLES = {
  empty: { summary: 'No queries', value: { items: [], nextPageToken: null } },
};
