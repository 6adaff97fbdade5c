import { FAILURE_CODES } from '#shared/contract/error-codes';
import { closedObject, type JsonSchema, orNull, time, toSchema } from '#shared/contract/json-schema';
import { QueryFailure, QueryProgress, QueryResult } from '#shared/contract/query-document';
import { QUERY_ID } from '#shared/contract/query-id';
import { QueryRequest } from '#shared/contract/query-request';
import { QueryStatus } from '#shared/contract/query-status';
import { DEFAULT_PAGE, LARGEST_PAGE, PAGE_TOKEN } from '../queue/list-request';
import type { toQueryDocument } from '../queue/query-document';

type QueryDocument = ReturnType<typeof toQueryDocument>;
type Members<T> = Record<keyof T, JsonSchema>;

/** The classes of the contract that both documents take their schemas from. */
export const CONTRACT_CLASSES = [QueryRequest, QueryProgress, QueryResult, QueryFailure];

export const ID_SCHEMA: JsonSchema = {
  type: 'string',
  description: '32 lower-case hex digits.',
  pattern: QUERY_ID.source,
  minLength: 32,
  maxLength: 32,
};

const PAGE_TOKEN_SCHEMA: JsonSchema = { type: 'string', pattern: PAGE_TOKEN.source, maxLength: 48 };

interface ListParameter {
  name: string;
  description: string;
  schema: JsonSchema;
}

const createdTime = (name: 'createdAfter' | 'createdBefore'): ListParameter => ({
  name,
  description: 'A time such as 2021-10-10T08:30:00Z, or a day, which begins at midnight UTC. Inclusive.',
  schema: {
    type: 'string',
    pattern: '^\\d{4}-\\d\\d-\\d\\d(T\\d\\d:\\d\\d(:\\d\\d(\\.\\d{1,3})?)?(Z|[+-]\\d\\d:\\d\\d))?$',
    maxLength: 29,
  },
});

export const CREATED_BEFORE = createdTime('createdBefore');

/** The parameters of a list of queries on both listeners. */
export const LIST_PARAMETERS: readonly ListParameter[] = [
  { name: 'status', description: 'Only queries with this status.', schema: toSchema('QueryStatus') },
  createdTime('createdAfter'),
  CREATED_BEFORE,
  {
    name: 'pageSize',
    description: 'The most queries on a page.',
    schema: { type: 'integer', format: 'int32', minimum: 1, maximum: LARGEST_PAGE, default: DEFAULT_PAGE },
  },
  { name: 'pageToken', description: 'The `nextPageToken` of the page before.', schema: PAGE_TOKEN_SCHEMA },
];

export const LINK_SCHEMA: JsonSchema = { type: 'string', format: 'uri-reference', maxLength: 2_048 };

/** What both listeners show of every query; the links differ. */
export const QUERY_MEMBERS = {
  id: ID_SCHEMA,
  status: toSchema('QueryStatus'),
  request: toSchema('QueryRequest'),
  createdAt: orNull(time('When the query was submitted.')),
  startedAt: orNull(time('When a worker first took it.')),
  finishedAt: orNull(time('When it ended.')),
  expiresAt: orNull(time('When the service deletes it; null while the query is live.')),
  progress: toSchema('QueryProgress'),
  result: { ...orNull(toSchema('QueryResult')), description: 'Null unless the query is completed.' },
  error: { ...orNull(toSchema('QueryFailure')), description: 'Null unless the query has failed or was terminated.' },
  links: toSchema('QueryLinks'),
} satisfies Members<QueryDocument>;

/** One page of a list of queries, newest first. */
export function queryPage(description: string, item: string): JsonSchema {
  return closedObject(description, {
    items: { type: 'array', items: toSchema(item), maxItems: LARGEST_PAGE, description: 'Newest first.' },
    nextPageToken: orNull({
      ...PAGE_TOKEN_SCHEMA,
      description: 'The `pageToken` of the next page; null on the last.',
    }),
  });
}

const PUBLIC_SCHEMAS: Record<string, JsonSchema> = {
  QueryLinks: closedObject('Related addresses, relative to this service.', {
    self: LINK_SCHEMA,
    result: LINK_SCHEMA,
    events: LINK_SCHEMA,
  } satisfies Members<QueryDocument['links']>),
  Query: closedObject('The status document, the same on every route.', QUERY_MEMBERS),
  QueryPage: queryPage('One page of the caller’s own queries.', 'Query'),
};

/**
 * The schemas of a query on both listeners, each of which adds its own links and lists.
 *
 * @param found Those that Nest has read from {@link CONTRACT_CLASSES}.
 */
export function toContractSchemas(found: Record<string, object> = {}): Record<string, JsonSchema> {
  return {
    ...Object.fromEntries(CONTRACT_CLASSES.map(({ name }) => [name, toClosedSchema(found[name] as JsonSchema)])),
    QueryStatus: {
      type: 'string',
      description: 'Completed, Failed and Terminated are terminal: they never change.',
      enum: Object.values(QueryStatus),
    },
    FailureCode: {
      type: 'string',
      description: 'The error codes with which an accepted query can end.',
      enum: FAILURE_CODES,
    },
  };
}

/** @param found Those that Nest has read from {@link CONTRACT_CLASSES}. */
export function toPublicSchemas(found?: Record<string, object>): Record<string, JsonSchema> {
  const schemas = toContractSchemas(found);
  return { QuerySubmission: toSubmission(schemas['QueryRequest'] ?? {}), ...schemas, ...PUBLIC_SCHEMAS };
}

/** A request as a caller sends it, in which the age may be missing. */
function toSubmission({ properties = {} }: JsonSchema): JsonSchema {
  const { maxAgeSeconds = {} } = properties;
  const description = `${String(maxAgeSeconds.description)} Null: the default.`;
  return {
    ...closedObject('What is asked: how many distinct people, from the first day to the last.', {
      ...properties,
      maxAgeSeconds: { ...orNull(maxAgeSeconds), description },
    }),
    required: ['start', 'end'],
  };
}

/** From OpenAPI 3.0, which Nest writes, to 3.1. */
function toClosedSchema({ properties = {}, ...schema }: JsonSchema): JsonSchema {
  const members = Object.entries<NestSchema>(properties);
  return {
    ...schema,
    additionalProperties: false,
    properties: Object.fromEntries(
      members.map(([name, { nullable = false, allOf = [], ...member }]) => {
        const own = allOf[0] ?? member;
        return [name, nullable ? orNull(own) : own];
      }),
    ),
  };
}

/** What only Nest writes; a reference has `allOf` around it. */
interface NestSchema extends JsonSchema {
  readonly nullable?: boolean;
  readonly allOf?: readonly JsonSchema[];
}
