import { ALL_ERRORS, type AnyErrorCode } from '#shared/contract/error-codes';
import { closedObject, count, day, type JsonSchema, orNull, time, toSchema } from '#shared/contract/json-schema';
import { DaySource } from '#shared/contract/query-history';
import { TERMINAL_STATUSES } from '#shared/contract/query-status';
import { AuditStream } from '#shared/redis/audit-log';
import { DurabilityLevel } from '#shared/redis/redis-fitness';
import { toProblemSchemas } from './problems';
import { ID_SCHEMA, LINK_SCHEMA, QUERY_MEMBERS, queryPage, toContractSchemas } from './query-schemas';

const TEXT: JsonSchema = { type: 'string', maxLength: 2_000, pattern: '^[\\s\\S]*$' };
const CODES = Object.keys(ALL_ERRORS) as AnyErrorCode[];
const WORKER_ID: JsonSchema = {
  type: 'string',
  maxLength: 64,
  pattern: '^[0-9a-f]+$',
  description: 'Of a worker process.',
};

/** A closed set with values that are no identifiers: by these members generators find names for them. */
function namedEnum(description: string, values: readonly string[]): JsonSchema {
  const names = values.map((value) => value.replace(/(?:^|-)(\w)/g, (_, letter: string) => letter.toUpperCase()));
  return {
    type: 'string',
    description,
    enum: values,
    'x-enum-varnames': names,
    'x-enumNames': names,
    'x-ms-enum': { values: values.map((value, index) => ({ value, name: names[index] })) },
  };
}

const QUERY_SUMMARY = { ...QUERY_MEMBERS, caller: { ...TEXT, description: 'The caller who owns the query.' } };

const QUERY = {
  ...QUERY_SUMMARY,
  request: { ...orNull(toSchema('QueryRequest')), description: 'Null if not requested.' },
  worker: { ...orNull(toSchema('Holder')), description: 'Null while no worker runs it.' },
  history: { ...orNull(toSchema('History')), description: 'Null if not requested.' },
};

const QUERY_LINKS = { self: LINK_SCHEMA, terminate: LINK_SCHEMA, restart: LINK_SCHEMA, rewind: LINK_SCHEMA };

const PURGE = {
  id: ID_SCHEMA,
  status: toSchema('PurgeStatus'),
  request: toSchema('PurgeRequest'),
  createdAt: time('When it was requested.'),
  finishedAt: orNull(time('When it ended.')),
  progress: toSchema('PurgeProgress'),
  links: toSchema('PurgeLinks'),
};

const WORKER = {
  id: WORKER_ID,
  host: { ...TEXT, description: 'The name of its machine or container.' },
  pid: count('Of its process there.'),
  startedAt: time('When it was started, by its own clock.'),
  version: { ...TEXT, description: 'Of the program.' },
  lastBeatAt: time('The last heartbeat.'),
  isAlive: { type: 'boolean', description: 'False when it has missed several beats.' },
  queries: {
    type: 'array',
    maxItems: 64,
    items: toSchema('WorkerQuery'),
  },
};

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
};

const EVENT: JsonSchema = {
  ...closedObject('An event. The kind decides which members it has.', {
    at: time('When, by the clock of Redis.'),
    kind: toSchema('HistoryEventKind'),
    worker: WORKER_ID,
    operator: { ...TEXT, description: 'Who did it.' },
    caller: { ...TEXT, description: 'Who did it, if it was the query’s own caller.' },
    reason: TEXT,
    successor: { ...ID_SCHEMA, description: 'The query that replaces it.' },
    end: toSchema('RunEnd'),
    code: toSchema('RunEndCode'),
    day: day('Of the range.'),
    source: toSchema('DaySource'),
    entities: count('Of the whole day, also if another run read them.'),
    pages: count('That the run read.'),
    milliseconds: count('That the run took for the day.'),
    retries: count('Requests that were sent again, throttled ones included.'),
    throttles: count('Of `retries`, those that the table service throttled.'),
  }),
  required: ['at', 'kind'],
};

const OWN_SCHEMAS: Record<string, JsonSchema> = {
  QueryLinks: closedObject('Related addresses, relative to this listener.', QUERY_LINKS),
  QuerySummary: closedObject('A query of any caller.', QUERY_SUMMARY),
  Query: closedObject('A query with its worker and its history.', QUERY),
  QueryPage: queryPage('One page of all queries.', 'QuerySummary'),
  Holder: closedObject('The worker that runs the query. A worker that is not alive is lost, not slow.', {
    id: WORKER_ID,
    since: time('When it took the query, by its own clock.'),
    isAlive: { type: 'boolean' },
    lastBeatAt: orNull(time('The last heartbeat; null if Redis no longer has it.')),
  }),
  History: closedObject('The events of the query, in order.', {
    events: { type: 'array', items: toSchema('HistoryEvent'), maxItems: 4_000 },
    dropped: count('Events that were left out.'),
  }),
  HistoryEvent: EVENT,
  HistoryEventKind: namedEnum('What happened.', [
    ...['attempt-begun', 'attempt-ended', 'day', 'terminated', 'restarted', 'rewound'],
  ]),
  RunEnd: { type: 'string', description: 'How a run ended.', enum: ['Completed', 'Failed', 'GivenBack', 'Stopped'] },
  RunEndCode: { type: 'string', description: 'Why a run ended.', enum: [...CODES, 'LOCK_LOST'] },
  DaySource: { type: 'string', description: 'Where the run got the day from.', enum: Object.values(DaySource) },
  Purge: closedObject('A purge of many queries.', PURGE),
  PurgeStatus: {
    type: 'string',
    description: 'Completed and Failed are terminal.',
    enum: ['Pending', 'Running', 'Completed', 'Failed'],
  },
  TerminalStatus: { type: 'string', description: 'The statuses that never change.', enum: TERMINAL_STATUSES },
  PurgeRequest: closedObject('Which of the queries that have ended.', {
    status: { ...orNull(toSchema('TerminalStatus')), description: 'Null: any.' },
    createdBefore: time('Only queries that were created by then.'),
  }),
  PurgeProgress: closedObject('How far the purge is.', {
    looked: count('Queries looked at.'),
    purged: count('Queries purged.'),
  }),
  PurgeLinks: closedObject('Related addresses.', { self: LINK_SCHEMA }),
  WorkerQuery: closedObject('A query that a worker runs.', {
    id: ID_SCHEMA,
    since: time('When the run began.'),
    link: LINK_SCHEMA,
  }),
  ServiceState: closedObject('The state of the service.', {
    suspended: { type: 'boolean', description: 'Whether workers take no queries.' },
    queries: toSchema('LiveQueries'),
    workersAlive: count('Live workers.'),
    durability: toSchema('Durability'),
  }),
  LiveQueries: closedObject('How many live queries there are.', {
    waiting: count('For a worker.'),
    active: count('With a worker.'),
  }),
  Durability: closedObject('What accepted queries survive, by the settings of Redis.', {
    level: toSchema('DurabilityLevel'),
    lastWriteOk: {
      type: ['boolean', 'null'],
      description: 'Whether the last write to the append-only file succeeded; null without one, or when not reported.',
    },
  }),
  DurabilityLevel: {
    type: 'string',
    description:
      'disk: a power cut; second: a killed Redis, and a power cut but for the last second or two; system: a killed ' +
      'Redis; file: a killed Redis, more may not be read; none: neither, there is no append-only file; unknown: ' +
      'Redis does not report it.',
    enum: Object.values(DurabilityLevel),
  },
  Worker: closedObject('A worker process.', WORKER),
  WorkerList: closedObject('The workers.', { items: { type: 'array', maxItems: 10_000, items: toSchema('Worker') } }),
  AuditEntry: closedObject('What an operator has changed, tried to change or read, or a failed login.', AUDIT_ENTRY),
  AuditList: closedObject('Newest first.', {
    items: { type: 'array', maxItems: 1_000, items: toSchema('AuditEntry') },
  }),
  AuditStream: namedEnum('The kinds of audit entries.', Object.values(AuditStream)),
};

/** @param found Those that Nest has read from the classes of the contract. */
export function toOperatorSchemas(found?: Record<string, object>): Record<string, JsonSchema> {
  const explanation = '^/operator/openapi\\.json#/components/examples/[A-Z_]+$';
  return { ...toContractSchemas(found), ...OWN_SCHEMAS, ...toProblemSchemas(CODES, explanation) };
}

/** The members of what the listener sends, for the check that they are those of the code. */
export const OPERATOR_MEMBERS = {
  QuerySummary: QUERY_SUMMARY,
  Query: QUERY,
  QueryLinks: QUERY_LINKS,
  Purge: PURGE,
  Worker: WORKER,
  AuditEntry: AUDIT_ENTRY,
};
