import { applyDecorators } from '@nestjs/common';
import { ApiOperation, ApiParam, ApiQuery, ApiResponse } from '@nestjs/swagger';
import type { AnyErrorCode } from '#shared/contract/error-codes';
import { type JsonSchema, toSchema } from '#shared/contract/json-schema';
import { AuditStream } from '#shared/redis/audit-log';
import { type HeaderName, toOperatorHeaders } from './headers';
import { type Answer, toErrorAnswers } from './problems';
import { CREATED_BEFORE, ID_SCHEMA, LIST_PARAMETERS } from './query-schemas';

interface Success {
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
  answers: Readonly<Record<number, Success>>;
  /** Whether it changes something; a page of another site may not. */
  isChange?: boolean;
  /** Besides those of every operation. */
  codes: readonly AnyErrorCode[];
}

interface Parameter {
  name: string;
  in: 'path' | 'query';
  description: string;
  schema: JsonSchema;
}

/** How the listener's guard refuses a request. */
export const GUARD_CODES = [
  'UNAUTHENTICATED',
  'FORBIDDEN',
  'HOST_NOT_ALLOWED',
  'AUTH_UNAVAILABLE',
] as const satisfies readonly AnyErrorCode[];

/** Every operation needs Redis. */
const COMMON_CODES: readonly AnyErrorCode[] = [...GUARD_CODES, 'INTERNAL_ERROR', 'SERVICE_UNAVAILABLE'];

/** Describes an operation of the operators' listener. */
function DescribeOperation({
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
        headers: toOperatorHeaders(headers, sometimes),
        ...(body === undefined ? {} : { content: { 'application/json': { schema: toSchema(body) } } }),
      }),
    ),
    ...Object.entries(toOperatorProblems(all)).map(([status, problem]) => toResponse(Number(status), problem)),
  );
}

/** The problem documents with these codes, by status. */
export function toOperatorProblems(codes: readonly AnyErrorCode[]): Record<number, Answer> {
  return toErrorAnswers(codes, (status) => {
    const always: HeaderName[] = [];
    if (status === 503) always.push('Retry-After');
    if (status === 405) always.push('Allow');
    if (status === 401) always.push('WWW-Authenticate');
    const sometimes: HeaderName[] = [];
    if (status === 409) sometimes.push('Retry-After');
    if (status === 403) sometimes.push('WWW-Authenticate');
    return toOperatorHeaders(always, sometimes);
  });
}

function toResponse(status: number, response: object): MethodDecorator {
  return ApiResponse({ ...response, status });
}

const ID: Parameter = { name: 'id', in: 'path', description: 'The `id` of the query.', schema: ID_SCHEMA };

const flag = (name: string, description: string, isDefault: boolean): Parameter => ({
  name,
  in: 'query',
  description,
  schema: { type: 'boolean', default: isDefault },
});

const ID_CODES: AnyErrorCode[] = ['QUERY_NOT_FOUND', 'ROUTE_NOT_FOUND'];

/** `GET /operator/queries` */
export function ListOperatorQueriesOperation(longestCaller: number): MethodDecorator {
  return DescribeOperation({
    id: 'listAllQueries',
    tag: 'queries',
    summary: 'List the queries of all callers',
    description: 'Newest first. A page can be short or empty and still have a next one.',
    parameters: [
      ...LIST_PARAMETERS.map((parameter) => ({ ...parameter, in: 'query' as const })),
      {
        name: 'caller',
        in: 'query',
        description: 'Only queries of this caller.',
        schema: { type: 'string', minLength: 1, maxLength: longestCaller, pattern: '^.+$' },
      },
    ],
    answers: { 200: { description: 'A page of the list.', body: 'QueryPage', sometimes: ['Link'] } },
    codes: ['REQUEST_INVALID'],
  });
}

/** `GET /operator/queries/{id}` */
export function GetOperatorQueryOperation(): MethodDecorator {
  return DescribeOperation({
    id: 'getAnyQuery',
    tag: 'queries',
    summary: 'Read the status of a query, its worker and its history',
    description: 'The parameters have the names and the defaults of Durable Functions.',
    parameters: [
      ID,
      flag('showInput', 'Show the request; else it is null.', true),
      flag('showHistory', 'Show the history; else it is null.', false),
      flag('showHistoryOutput', 'Show the numbers of each day in the history.', false),
    ],
    answers: { 200: { description: 'The query.', body: 'Query' } },
    codes: ['REQUEST_INVALID', ...ID_CODES],
  });
}

/** `POST /operator/queries/{id}/terminate` */
export function TerminateOperatorQueryOperation(longestReason: number): MethodDecorator {
  return DescribeOperation({
    id: 'terminateAnyQuery',
    tag: 'queries',
    summary: 'Terminate a query',
    description: 'Takes effect at once, also while no worker is alive. A query that has ended does not change.',
    parameters: [
      ID,
      {
        name: 'reason',
        in: 'query',
        description: 'For the history and the audit log; callers do not see it.',
        schema: { type: 'string', maxLength: longestReason, pattern: '^[\\s\\S]*$' },
      },
    ],
    answers: {
      200: { description: 'The query had ended before.', body: 'QuerySummary' },
      202: { description: 'Terminated by this request.', body: 'QuerySummary' },
    },
    isChange: true,
    codes: ['REQUEST_INVALID', ...ID_CODES],
  });
}

/** `POST /operator/queries/{id}/restart` */
export function RestartQueryOperation(): MethodDecorator {
  return DescribeOperation({
    id: 'restartQuery',
    tag: 'queries',
    summary: 'Restart a query',
    description:
      'Submits a new query with the same request for the same caller, outside of the limits. A query has one restart: a second request returns the same one. Restart the restart to run it a third time.',
    parameters: [ID],
    answers: SUCCESSOR,
    isChange: true,
    codes: ID_CODES,
  });
}

/** `POST /operator/queries/{id}/rewind` */
export function RewindQueryOperation(): MethodDecorator {
  return DescribeOperation({
    id: 'rewindQuery',
    tag: 'queries',
    summary: 'Rewind a failed query',
    description:
      'Submits a new query as a restart does. It reuses the days that were fresh for the failed query; see its `daysReused` and `oldestScanAt`.',
    parameters: [ID],
    answers: SUCCESSOR,
    isChange: true,
    codes: [...ID_CODES, 'QUERY_NOT_FAILED'],
  });
}

const SUCCESSOR = {
  200: { description: 'It existed before.', body: 'QuerySummary', headers: ['Location'] },
  202: { description: 'Queued.', body: 'QuerySummary', headers: ['Location'] },
} as const;

/** `DELETE /operator/queries/{id}` */
export function PurgeQueryOperation(): MethodDecorator {
  return DescribeOperation({
    id: 'purgeQuery',
    tag: 'queries',
    summary: 'Purge a query',
    description: 'Deletes all records of a query that has ended, except its day sets.',
    parameters: [ID],
    answers: { 204: { description: 'The records are deleted.' } },
    isChange: true,
    codes: [...ID_CODES, 'QUERY_NOT_ENDED'],
  });
}

/** `DELETE /operator/queries` */
export function PurgeQueriesOperation(): MethodDecorator {
  return DescribeOperation({
    id: 'purgeQueries',
    tag: 'queries',
    summary: 'Purge many queries',
    description: 'Deletes all matching queries that have ended. A worker does it in the background.',
    parameters: [
      {
        name: 'status',
        in: 'query',
        description: 'Only queries with this status.',
        schema: toSchema('TerminalStatus'),
      },
      { ...CREATED_BEFORE, in: 'query', description: `${CREATED_BEFORE.description} Absent: until now.` },
    ],
    answers: { 202: { description: 'Queued.', body: 'Purge', headers: ['Location', 'Retry-After'] } },
    isChange: true,
    codes: ['REQUEST_INVALID'],
  });
}

/** `GET /operator/purges/{id}` */
export function GetPurgeOperation(): MethodDecorator {
  return DescribeOperation({
    id: 'getPurge',
    tag: 'queries',
    summary: 'Read the progress of a purge',
    description: 'The service keeps it for a day after its end.',
    parameters: [{ ...ID, description: 'The `id` of the purge.' }],
    answers: {
      200: {
        description: 'The purge, live (with `Retry-After`) or ended.',
        body: 'Purge',
        sometimes: ['Retry-After'],
      },
    },
    codes: ['PURGE_NOT_FOUND', 'ROUTE_NOT_FOUND'],
  });
}
const STATE = { 200: { description: 'The state after that.', body: 'ServiceState' } };

/** `POST /operator/suspend` */
export function SuspendOperation(): MethodDecorator {
  return DescribeOperation({
    id: 'suspend',
    tag: 'service',
    summary: 'Suspend all work',
    description: 'Workers finish their queries and take no new ones. The service accepts queries, which wait.',
    answers: STATE,
    isChange: true,
    codes: [],
  });
}

/** `POST /operator/resume` */
export function ResumeOperation(): MethodDecorator {
  return DescribeOperation({
    id: 'resume',
    tag: 'service',
    summary: 'Resume the work',
    description: 'Workers take queries again.',
    answers: STATE,
    isChange: true,
    codes: [],
  });
}

/** `GET /operator/state` */
export function GetStateOperation(): MethodDecorator {
  return DescribeOperation({
    id: 'getState',
    tag: 'service',
    summary: 'Read the state of the service',
    description: 'Whether its work is suspended, and how many queries it has.',
    answers: { 200: { description: 'The state.', body: 'ServiceState' } },
    codes: [],
  });
}

/** `GET /operator/workers` */
export function ListWorkersOperation(): MethodDecorator {
  return DescribeOperation({
    id: 'listWorkers',
    tag: 'service',
    summary: 'List the workers',
    description: 'Live workers and those lost within the last hour, with their queries.',
    answers: { 200: { description: 'The workers.', body: 'WorkerList' } },
    codes: [],
  });
}

/** `GET /operator/audit` */
export function ListAuditOperation(): MethodDecorator {
  return DescribeOperation({
    id: 'listAudit',
    tag: 'service',
    summary: 'List changes, reads and failed logins of operators',
    description:
      'Newest first. changes: every request that changes something, or tried to. reads: whose document, history or job of ' +
      'one query was read. failed-logins: credentials that were refused. Of the last two, at most one entry a minute for ' +
      'each operator and target, and at most ten failed logins a minute in all. The oldest are dropped.',
    parameters: [
      {
        name: 'stream',
        in: 'query',
        description: 'Which entries.',
        schema: { ...toSchema('AuditStream'), default: AuditStream.Changes },
      },
      {
        name: 'count',
        in: 'query',
        description: 'The most entries.',
        schema: { type: 'integer', format: 'int32', minimum: 1, maximum: 1_000, default: 100 },
      },
    ],
    answers: { 200: { description: 'The latest entries.', body: 'AuditList' } },
    codes: ['REQUEST_INVALID'],
  });
}
