import type { AnyErrorCode } from '#shared/contract/error-codes';
import { TERMINAL_STATUSES } from '#shared/contract/query-status';
import { ID_SCHEMA, STATUS_SCHEMA } from './query-schemas';
import { LONGEST_CALLER, LONGEST_REASON } from '../operator/management/management-requests';
import { DescribeOperation, type Parameter } from './describe-operation';

const ID: Parameter = { name: 'id', in: 'path', description: 'The `id` of the query.', schema: ID_SCHEMA };

const TIME_SCHEMA = {
  type: 'string',
  pattern: '^\\d{4}-\\d\\d-\\d\\d(T\\d\\d:\\d\\d(:\\d\\d(\\.\\d{1,3})?)?(Z|[+-]\\d\\d:\\d\\d))?$',
  maxLength: 29,
};

const time = (name: string): Parameter => ({
  name,
  in: 'query',
  description: 'A time such as 2021-10-10T08:30:00Z, or a day, which begins at midnight UTC. Inclusive.',
  schema: TIME_SCHEMA,
});

const flag = (name: string, description: string, isDefault: boolean): Parameter => ({
  name,
  in: 'query',
  description,
  schema: { type: 'boolean', default: isDefault },
});

const ID_CODES: AnyErrorCode[] = ['QUERY_NOT_FOUND', 'ROUTE_NOT_FOUND'];

/** `GET /operator/queries` */
export function ListOperatorQueriesOperation(): MethodDecorator {
  return DescribeOperation({
    id: 'listAllQueries',
    tag: 'queries',
    summary: 'List the queries of all callers',
    description: 'Newest first. A page can be short, even empty, and still have a next one.',
    parameters: [
      { name: 'status', in: 'query', description: 'Those with this status alone.', schema: STATUS_SCHEMA },
      {
        name: 'caller',
        in: 'query',
        description: 'Those of this caller alone.',
        schema: { type: 'string', minLength: 1, maxLength: LONGEST_CALLER, pattern: '^.+$' },
      },
      time('createdAfter'),
      time('createdBefore'),
      {
        name: 'pageSize',
        in: 'query',
        description: 'The most that a page holds.',
        schema: { type: 'integer', format: 'int32', minimum: 1, maximum: 100, default: 20 },
      },
      {
        name: 'pageToken',
        in: 'query',
        description: 'The `nextPageToken` of the page before.',
        schema: { type: 'string', pattern: '^\\d{1,15}-[0-9a-f]{32}$', maxLength: 48 },
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
    summary: 'Read how a query is, who has it, and what has happened to it',
    description: 'The parameters have the names and the defaults of Durable Functions.',
    parameters: [
      ID,
      flag('showInput', 'Show the request; else it is null.', true),
      flag('showHistory', 'Show what has happened, by whom; else it is null.', false),
      flag('showHistoryOutput', 'With the history, show what each day came to, in numbers.', false),
    ],
    answers: { 200: { description: 'The query.', body: 'Query' } },
    codes: ['REQUEST_INVALID', ...ID_CODES],
  });
}

/** `POST /operator/queries/{id}/terminate` */
export function TerminateOperatorQueryOperation(): MethodDecorator {
  return DescribeOperation({
    id: 'terminateAnyQuery',
    tag: 'queries',
    summary: 'Terminate a query',
    description: 'For good, whether or not any worker lives. What has ended stays as it is.',
    parameters: [
      ID,
      {
        name: 'reason',
        in: 'query',
        description: 'For the history and the audit log; callers are not told.',
        schema: { type: 'string', maxLength: LONGEST_REASON, pattern: '^[^]*$' },
      },
    ],
    answers: {
      200: { description: 'It had ended before.', body: 'QuerySummary' },
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
    summary: 'Ask the same once more',
    description:
      'A new query with the same request, for the same caller, whose limits do not apply. A query has one restart: asked again, this gives the same one; to ask a third time, restart the restart.',
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
    summary: 'Let a failed query go on',
    description:
      'A new query as a restart is one, for which the days count that were fresh for the failed one; its `daysReused` and `oldestScanAt` tell so.',
    parameters: [ID],
    answers: SUCCESSOR,
    isChange: true,
    codes: [...ID_CODES, 'QUERY_NOT_FAILED'],
  });
}

const SUCCESSOR = {
  200: { description: 'It was there before.', body: 'QuerySummary', headers: ['Location'] },
  202: { description: 'Queued.', body: 'QuerySummary', headers: ['Location'] },
} as const;

/** `DELETE /operator/queries/{id}` */
export function PurgeQueryOperation(): MethodDecorator {
  return DescribeOperation({
    id: 'purgeQuery',
    tag: 'queries',
    summary: 'Purge a query',
    description: 'Takes all away that is kept of a query that has ended, but for the sets of its days.',
    parameters: [ID],
    answers: { 204: { description: 'Nothing is left of it.' } },
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
    description: 'Of those that have ended, all that fit; a worker does it in the background. Live ones stay.',
    parameters: [
      {
        name: 'status',
        in: 'query',
        description: 'Those with this status alone.',
        schema: { type: 'string', enum: TERMINAL_STATUSES },
      },
      { ...time('createdBefore'), description: `${time('').description} Absent: until now.` },
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
    summary: 'Read how far a purge is',
    description: 'Kept for a day after its end.',
    parameters: [{ ...ID, description: 'The `id` of the purge.' }],
    answers: {
      200: {
        description: 'The purge, alive (with `Retry-After`) or ended.',
        body: 'Purge',
        sometimes: ['Retry-After'],
      },
    },
    codes: ['PURGE_NOT_FOUND', 'ROUTE_NOT_FOUND'],
  });
}
