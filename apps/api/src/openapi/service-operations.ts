import { AuditStream } from '#shared/redis/audit-log';
import { DescribeOperation } from './describe-operation';

const STATE = { 200: { description: 'The state after that.', body: 'ServiceState' } };

/** `POST /operator/suspend` */
export function SuspendOperation(): MethodDecorator {
  return DescribeOperation({
    id: 'suspend',
    tag: 'service',
    summary: 'Suspend all work',
    description: 'No worker takes a query from now on; what is being run is finished. Queries are accepted, and wait.',
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
    summary: 'Read how the service is',
    description: 'Whether its work is suspended, and how much there is.',
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
    description: 'Those that live, and those that were lost within the last hour, with the queries that they run.',
    answers: { 200: { description: 'The workers.', body: 'WorkerList' } },
    codes: [],
  });
}

/** `GET /operator/audit` */
export function ListAuditOperation(): MethodDecorator {
  return DescribeOperation({
    id: 'listAudit',
    tag: 'service',
    summary: 'List what operators have changed or read, or failed logins',
    description:
      'Newest first. changes: every request that changes something, or tried to. reads: whose document, history or job of ' +
      'one query was read. failed-logins: credentials that were refused. Of the last two, at most one entry a minute for ' +
      'each operator and target, and at most ten failed logins a minute in all. The oldest are dropped.',
    parameters: [
      {
        name: 'stream',
        in: 'query',
        description: 'What is listed.',
        schema: { type: 'string', enum: Object.values(AuditStream), default: AuditStream.Changes },
      },
      {
        name: 'count',
        in: 'query',
        description: 'The most that are listed.',
        schema: { type: 'integer', format: 'int32', minimum: 1, maximum: 1_000, default: 100 },
      },
    ],
    answers: { 200: { description: 'The latest entries.', body: 'AuditList' } },
    codes: ['REQUEST_INVALID'],
  });
}
