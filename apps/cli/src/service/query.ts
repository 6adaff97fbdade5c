import { isQueryId } from '#shared/contract/query-id';
import { isTerminal, QueryStatus } from '#shared/contract/query-status';
import type { components } from './openapi-client';
import { createNotTheServiceError, isErrorCode } from './request-failure';

/** The status document. */
export type Query = components['schemas']['Query'];

export type QueryPage = components['schemas']['QueryPage'];

/** No character that a shell interprets: the command prints the token as an argument to paste. */
const PAGE_TOKEN = /^[\w.~=-]{1,1024}$/;

const RESULT_MEMBERS = ['count', 'daysScanned', 'daysReused', 'entitiesRead', 'entitiesWithoutIdentifier'];

type Members = Record<string, unknown>;

export function isEnded({ status }: Query): boolean {
  return isTerminal(status);
}

/**
 * Checks the types of the members that the command prints, and keeps all other members.
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
    hasMembers(request, 'string', ['start', 'end']) &&
    hasMembers(request, 'number', ['maxAgeSeconds']) &&
    hasMembers(progress, 'number', ['percent', 'daysDone', 'daysTotal', 'entitiesRead', 'atLeast']) &&
    (progress['etaSeconds'] === null || hasMembers(progress, 'number', ['etaSeconds'])) &&
    (result === null || hasMembers(result, 'number', RESULT_MEMBERS)) &&
    (error === null || (hasMembers(error, 'string', ['message']) && isErrorCode(error['code']))) &&
    ['createdAt', 'startedAt', 'finishedAt', 'expiresAt'].every((name) => isTime(times[name]))
  );
}

function isTime(value: unknown): boolean {
  return value === null || (typeof value === 'string' && !Number.isNaN(Date.parse(value)));
}

function hasMembers(value: unknown, type: 'string' | 'number', names: string[]): value is Members {
  return isMembers(value) && names.every((name) => typeof value[name] === type);
}

function isMembers(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
