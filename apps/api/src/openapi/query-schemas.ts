import { FAILURE_CODES } from '#shared/contract/error-codes';
import type { QueryProgress, QueryResult } from '#shared/contract/query-document';
import type { QueryRequest } from '#shared/contract/query-request';
import { QueryStatus } from '#shared/contract/query-status';
import type { toQueryDocument } from '../queue/query-document';
import { closedObject, count, day, type JsonSchema, orNull, time, toSchema } from './json-schema';

type QueryDocument = ReturnType<typeof toQueryDocument>;
type Members<T> = Record<keyof T, JsonSchema>;

export const ID_SCHEMA: JsonSchema = {
  type: 'string',
  description: '32 lower-case hex digits.',
  pattern: '^[0-9a-f]{32}$',
  minLength: 32,
  maxLength: 32,
};

export const STATUS_SCHEMA: JsonSchema = {
  type: 'string',
  description: 'Completed, Failed and Terminated are terminal: they never change.',
  enum: Object.values(QueryStatus),
};

const REQUEST = {
  start: day('The first day, inclusive.'),
  end: day('The last day, inclusive: the same day as `start`, or a later one.'),
  // Not by `default`, which generators of clients take for a promise that the member is there.
  maxAgeSeconds: count(
    'A day that was read no longer ago than this may be reused; 0, the default, reads everything anew.',
    31_536_000,
  ),
} satisfies Members<QueryRequest>;

const PROGRESS = {
  percent: { type: 'number', minimum: 0, maximum: 100, description: 'Never decreases.' },
  daysTotal: count('The days of the range.'),
  daysDone: count('The days that are read or reused.'),
  daysReused: count('Of `daysDone`, those that were read before the query was submitted.'),
  entitiesRead: count('Read so far.'),
  etaSeconds: orNull(count('About how long the query still takes; null until that can be told.')),
  atLeast: count('A lower bound of the final count. Never decreases.'),
} satisfies Members<QueryProgress>;

const RESULT = {
  count: count('The distinct identification numbers; exact.'),
  entitiesRead: count('The entities behind the count.'),
  entitiesWithoutIdentifier: count('Entities with a certificate and no identification number: nobody, not counted.'),
  daysScanned: count('The days that were read for this query.'),
  daysReused: count('The days that were read before it.'),
  oldestScanAt: time('When the oldest of the readings behind the count began.'),
} satisfies Members<QueryResult>;

export const LINK_SCHEMA: JsonSchema = { type: 'string', format: 'uri-reference', maxLength: 2_048 };

/** What both listeners show of every query; where to go on differs. */
export const QUERY_MEMBERS = {
  id: ID_SCHEMA,
  status: STATUS_SCHEMA,
  request: toSchema('QueryRequest'),
  createdAt: orNull(time('When the query was submitted.')),
  startedAt: orNull(time('When a worker first took it.')),
  finishedAt: orNull(time('When it ended.')),
  expiresAt: orNull(time('Until when it is kept; null while it lives.')),
  progress: toSchema('QueryProgress'),
  result: { ...orNull(toSchema('QueryResult')), description: 'Null but in a completed query.' },
  error: { ...orNull(toSchema('QueryFailure')), description: 'Null but in a failed or terminated query.' },
  links: toSchema('QueryLinks'),
} satisfies Members<QueryDocument>;

/** One page of a list of queries, newest first. */
export function queryPage(description: string, item: string): JsonSchema {
  return closedObject(description, {
    items: { type: 'array', items: toSchema(item), maxItems: 100, description: 'Newest first.' },
    nextPageToken: orNull({
      type: 'string',
      pattern: '^\\d{1,15}-[0-9a-f]{32}$',
      maxLength: 48,
      description: 'The `pageToken` of the next page; null on the last.',
    }),
  });
}

export const QUERY_SCHEMAS: Record<string, JsonSchema> = {
  QuerySubmission: {
    ...closedObject('What is asked: how many distinct people, from the first day to the last.', {
      ...REQUEST,
      maxAgeSeconds: {
        ...orNull(REQUEST.maxAgeSeconds),
        description: `${String(REQUEST.maxAgeSeconds.description)} Null: the default.`,
      },
    }),
    required: ['start', 'end'],
  },
  QueryRequest: closedObject('What was asked.', REQUEST),
  QueryProgress: closedObject('How far the query is.', PROGRESS),
  QueryResult: closedObject('The answer.', RESULT),
  QueryFailure: closedObject('Why there will be no answer.', {
    code: { type: 'string', enum: FAILURE_CODES },
    message: { type: 'string', pattern: '^.+$', maxLength: 500, description: 'For people.' },
  }),
  QueryLinks: closedObject('Where to go on, relative to this service.', {
    self: LINK_SCHEMA,
    result: LINK_SCHEMA,
    events: LINK_SCHEMA,
  } satisfies Members<QueryDocument['links']>),
  Query: closedObject('The status document: one shape on every route.', QUERY_MEMBERS),
  QueryPage: queryPage('One page of the caller’s own queries.', 'Query'),
};
