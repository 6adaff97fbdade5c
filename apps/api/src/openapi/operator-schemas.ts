import { ALL_ERRORS } from '#shared/contract/error-codes';
import { TERMINAL_STATUSES } from '#shared/contract/query-status';
import { DaySource } from '#shared/contract/query-history';
import { DurabilityLevel } from '#shared/redis/redis-fitness';
import { closedObject, count, day, type JsonSchema, orNull, time, toSchema } from './json-schema';
import { ID_SCHEMA, LINK_SCHEMA, QUERY_MEMBERS, QUERY_SCHEMAS, queryPage } from './query-schemas';
import type { toListItem, toOperatorQueryDocument } from '../operator/management/operator-query-document';
import type { PurgeDocument } from '../operator/management/purges';
import type { toAuditDocument, toWorkerDocument } from '../operator/management/service.controller';

type Members<T> = Record<keyof T, JsonSchema>;

const TEXT: JsonSchema = { type: 'string', maxLength: 2_000, pattern: '^[^]*$' };
const CODE: JsonSchema = { type: 'string', enum: Object.keys(ALL_ERRORS) };
const WORKER_ID: JsonSchema = {
  type: 'string',
  maxLength: 64,
  pattern: '^[0-9a-f]+$',
  description: 'Of a worker process.',
};

const CALLER: JsonSchema = { ...TEXT, description: 'Whose query it is.' };

const QUERY_SUMMARY = { ...QUERY_MEMBERS, caller: CALLER } satisfies Members<ReturnType<typeof toListItem>>;

const QUERY = {
  ...QUERY_SUMMARY,
  request: { ...orNull(toSchema('QueryRequest')), description: 'Null where it is not to be shown.' },
  worker: { ...orNull(toSchema('Holder')), description: 'Null while no worker has it.' },
  history: { ...orNull(toSchema('History')), description: 'Null where it is not to be shown.' },
} satisfies Members<ReturnType<typeof toOperatorQueryDocument>>;

const PURGE = {
  id: ID_SCHEMA,
  status: { type: 'string', enum: ['Pending', 'Running', 'Completed', 'Failed'] },
  request: closedObject('Which of the queries that have ended.', {
    status: { type: ['string', 'null'], enum: [...TERMINAL_STATUSES, null], description: 'Null: whichever.' },
    createdBefore: time('Those that were created by then.'),
  }),
  createdAt: time('When it was asked for.'),
  finishedAt: orNull(time('When it ended.')),
  progress: closedObject('How far it is.', { looked: count('Queries looked at.'), purged: count('Queries purged.') }),
  links: closedObject('Where to go on.', { self: LINK_SCHEMA }),
} satisfies Members<PurgeDocument>;

const WORKER = {
  id: WORKER_ID,
  host: { ...TEXT, description: 'The name of its machine or container.' },
  pid: count('Of its process there.'),
  startedAt: time('When it was started, by its own clock.'),
  version: { ...TEXT, description: 'Of the program.' },
  lastBeatAt: time('When it last said that it lives.'),
  isAlive: { type: 'boolean', description: 'False when it has missed several beats.' },
  queries: {
    type: 'array',
    maxItems: 64,
    items: closedObject('A query that it runs.', {
      id: ID_SCHEMA,
      since: time('When the run began.'),
      link: LINK_SCHEMA,
    }),
  },
} satisfies Members<ReturnType<typeof toWorkerDocument>>;

const AUDIT_ENTRY = {
  at: time('When it was done.'),
  who: {
    ...TEXT,
    description: 'The operator; of a failed login who the credential claims to be, `?` where it does not say.',
  },
  action: { ...TEXT, description: 'Method and route; of a failed login `login`.' },
  target: {
    ...TEXT,
    description:
      'The id of what it was done to, empty where it concerns all; of a failed login the address of the client.',
  },
  parameters: { type: 'object', description: 'Those of the request, shortened.' },
  outcome: { ...TEXT, description: 'The status of the answer, with its code, or where it led to.' },
} satisfies Members<ReturnType<typeof toAuditDocument>>;

const EVENT: JsonSchema = {
  ...closedObject('What has happened; which members there are depends on the kind.', {
    at: time('When, by the clock of Redis.'),
    kind: {
      type: 'string',
      enum: ['attempt-begun', 'attempt-ended', 'day', 'terminated', 'restarted', 'rewound'],
    },
    worker: WORKER_ID,
    operator: { ...TEXT, description: 'Who did it.' },
    caller: { ...TEXT, description: 'Who did it, where it was the query’s own caller.' },
    reason: TEXT,
    successor: { ...ID_SCHEMA, description: 'The query that took its place.' },
    end: { type: 'string', enum: ['Completed', 'Failed', 'GivenBack', 'Stopped'], description: 'How a run ended.' },
    code: { type: 'string', enum: [...Object.keys(ALL_ERRORS), 'LOCK_LOST'], description: 'Why a run ended.' },
    day: day('Of the range.'),
    source: { type: 'string', enum: Object.values(DaySource), description: 'How the run came by the day.' },
    entities: count('Of the whole day, whoever read them.'),
    pages: count('That the run read.'),
    milliseconds: count('That the run took for the day.'),
    retries: count('Requests that were sent again, throttled ones included.'),
    throttles: count('Of `retries`, those after the table said that it was busy.'),
  }),
  required: ['at', 'kind'],
};

const { QueryRequest, QueryProgress, QueryResult, QueryFailure } = QUERY_SCHEMAS;

export const OPERATOR_SCHEMAS: Record<string, JsonSchema | undefined> = {
  QueryRequest,
  QueryProgress,
  QueryResult,
  QueryFailure,
  QueryLinks: closedObject('Where to go on, relative to this listener.', {
    self: LINK_SCHEMA,
    terminate: LINK_SCHEMA,
    restart: LINK_SCHEMA,
    rewind: LINK_SCHEMA,
  } satisfies Members<ReturnType<typeof toListItem>['links']>),
  QuerySummary: closedObject('A query, whosever it is.', QUERY_SUMMARY),
  Query: closedObject('A query with who has it and what has happened to it.', QUERY),
  QueryPage: queryPage('One page of all queries.', 'QuerySummary'),
  Holder: closedObject('The worker that has the query. One that is not alive is lost, not slow.', {
    id: WORKER_ID,
    since: time('When it took the query, by its own clock.'),
    isAlive: { type: 'boolean' },
    lastBeatAt: orNull(time('When it last said that it lives; null when that is forgotten.')),
  }),
  History: closedObject('What has happened, in order.', {
    events: { type: 'array', items: toSchema('HistoryEvent'), maxItems: 4_000 },
    dropped: count('Events that were left out.'),
  }),
  HistoryEvent: EVENT,
  Purge: closedObject('A purge of many queries.', PURGE),
  ServiceState: closedObject('How the service is.', {
    suspended: { type: 'boolean', description: 'Whether no worker takes queries.' },
    queries: closedObject('How many there are.', {
      waiting: count('For a worker.'),
      active: count('With a worker.'),
    }),
    workersAlive: count('Workers that live.'),
    durability: closedObject('What accepted queries survive, by the settings of Redis.', {
      level: {
        type: 'string',
        enum: Object.values(DurabilityLevel),
        description:
          'disk: a power cut; second: a killed Redis, and a power cut but for the last second or two; system: a killed ' +
          'Redis; file: a killed Redis, more may not be read; none: neither, there is no append-only file; unknown: ' +
          'Redis does not report it.',
      },
      lastWriteOk: {
        type: ['boolean', 'null'],
        description:
          'Whether the last write to the append-only file succeeded; null without one, or when not reported.',
      },
    }),
  }),
  Worker: closedObject('A worker process.', WORKER),
  WorkerList: closedObject('The workers.', { items: { type: 'array', maxItems: 10_000, items: toSchema('Worker') } }),
  AuditEntry: closedObject('What an operator has changed, tried to change or read, or a failed login.', AUDIT_ENTRY),
  AuditList: closedObject('Newest first.', {
    items: { type: 'array', maxItems: 1_000, items: toSchema('AuditEntry') },
  }),
  Problem: closedObject('Problem details (RFC 9457).', {
    type: { type: 'string', format: 'uri-reference', maxLength: 200, description: 'Where the code is explained.' },
    title: { ...TEXT, description: 'Fixed for each code.' },
    status: { type: 'integer', format: 'int32', minimum: 400, maximum: 599, description: 'The HTTP status.' },
    code: CODE,
    detail: { ...TEXT, description: 'For people.' },
    instance: { type: 'string', pattern: '^/', maxLength: 16_384, description: 'The path of the request.' },
    error: closedObject('`code` and `detail` once more, in the form that Azure clients read.', {
      code: CODE,
      message: { ...TEXT, description: 'For people.' },
    }),
  }),
};
