import { isQueryId } from '#shared/contract/query-id';
import { isTerminal, QueryStatus } from '#shared/contract/query-status';
import { createNotTheServiceError, isCode } from './request-failure';
import type { components } from './openapi-client';

/** The status document. */
export type Query = components['schemas']['Query'];

export type QueryPage = components['schemas']['QueryPage'];

/** It is printed as an argument to be pasted. */
const PAGE_TOKEN = /^[\w.~=-]{1,1024}$/;

type Members = Record<string, unknown>;

/** Whether it will never change again. */
export function isEnded({ status }: Query): boolean {
  return isTerminal(status);
}

/**
 * A status document, in which all that is shown is of its type; other members are kept.
 *
 * @throws CommandFailedError NOT_THE_SERVICE
 */
export function parseQuery(value: unknown): Query {
  if (!isMembers(value) || !isQuery(value)) throw createNotTheServiceError('it sent no status document');
  return value as Query;
}

/** @throws CommandFailedError NOT_THE_SERVICE */
export function parseQueryPage(value: unknown): QueryPage {
  const { items, nextPageToken } = isMembers(value) ? value : {};
  const isToken = nextPageToken === null || (typeof nextPageToken === 'string' && PAGE_TOKEN.test(nextPageToken));
  if (!Array.isArray(items) || !isToken) throw createNotTheServiceError('it sent no page of queries');
  return { ...(value as QueryPage), items: items.map(parseQuery) };
}

function isQuery({ id, status, request, progress, result, error, ...times }: Members): boolean {
  return (
    typeof id === 'string' &&
    isQueryId(id) &&
    (Object.values(QueryStatus) as unknown[]).includes(status) &&
    has(request, 'string', ['start', 'end']) &&
    has(request, 'number', ['maxAgeSeconds']) &&
    has(progress, 'number', ['percent', 'daysDone', 'daysTotal', 'entitiesRead', 'atLeast']) &&
    (progress['etaSeconds'] === null || has(progress, 'number', ['etaSeconds'])) &&
    (result === null || has(result, 'number', RESULT_MEMBERS)) &&
    (error === null || (has(error, 'string', ['message']) && isCode(error['code']))) &&
    ['createdAt', 'startedAt', 'finishedAt', 'expiresAt'].every((name) => isTime(times[name]))
  );
}

const RESULT_MEMBERS = ['count', 'daysScanned', 'daysReused', 'entitiesRead', 'entitiesWithoutIdentifier'];

function isTime(value: unknown): boolean {
  return value === null || (typeof value === 'string' && !Number.isNaN(Date.parse(value)));
}

function has(value: unknown, type: 'string' | 'number', names: string[]): value is Members {
  return isMembers(value) && names.every((name) => typeof value[name] === type);
}

function isMembers(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
