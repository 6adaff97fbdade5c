import { describe, expect, it } from 'vitest';
import { toAnswerFailure, toNetworkFailure } from './request-failure';

const problem = (code: string) => JSON.stringify({ code, detail: 'Why.', title: 'What.' });

describe('toAnswerFailure', () => {
  it.each([
    [400, problem('REQUEST_INVALID'), 2, 'REQUEST_INVALID', false],
    [401, problem('UNAUTHENTICATED'), 6, 'UNAUTHENTICATED', false],
    [401, '<html>', 6, 'UNEXPLAINED', false],
    [403, problem('FORBIDDEN'), 6, 'FORBIDDEN', false],
    [404, problem('QUERY_NOT_FOUND'), 3, 'QUERY_NOT_FOUND', false],
    [404, problem('ROUTE_NOT_FOUND'), 7, 'ROUTE_NOT_FOUND', false],
    [404, '<html>', 7, 'NOT_THE_SERVICE', false],
    [302, '', 7, 'NOT_THE_SERVICE', false],
    [409, problem('TABLE_THROTTLED'), 4, 'TABLE_THROTTLED', false],
    [409, problem('QUERY_TERMINATED'), 5, 'QUERY_TERMINATED', false],
    [422, problem('IDEMPOTENCY_KEY_REUSED'), 2, 'IDEMPOTENCY_KEY_REUSED', false],
    [429, problem('RATE_LIMITED'), 7, 'RATE_LIMITED', true],
    [500, problem('INTERNAL_ERROR'), 7, 'INTERNAL_ERROR', true],
    [502, '<html>', 7, 'UNEXPLAINED', true],
    [503, problem('SERVICE_UNAVAILABLE'), 7, 'SERVICE_UNAVAILABLE', true],
  ])('%i %s has exit code %i', (status, body, exitCode, code, isRetryable) => {
    expect(toAnswerFailure(status, body)).toMatchObject({ error: { exitCode, code }, isRetryable });
  });
});

describe('toNetworkFailure', () => {
  const caused = (code: string) => new TypeError('fetch failed', { cause: Object.assign(new Error(), { code }) });

  it.each([
    ['a refused connection', caused('ECONNREFUSED'), 'host cannot be reached (ECONNREFUSED).', true],
    ['a refused connection to each of several addresses', new TypeError('', { cause: new AggregateError([Object.assign(new Error(), { code: 'ECONNREFUSED' })]) }), 'host cannot be reached (ECONNREFUSED).', true], // prettier-ignore
    ['a timeout', new DOMException('', 'TimeoutError'), 'host cannot be reached (no answer in time).', true],
    ['a body that is cut off', new TypeError('terminated'), 'host cannot be reached (connection lost).', true],
    ['an untrusted certificate', caused('DEPTH_ZERO_SELF_SIGNED_CERT'), 'NODE_EXTRA_CA_CERTS', false],
  ])('explains %s', (_, error, message, isRetryable) => {
    const failure = toNetworkFailure(error, 'host');
    expect(failure.error.message).toContain(message);
    expect([failure.error.exitCode, failure.isRetryable]).toEqual([7, isRetryable]);
  });
});
