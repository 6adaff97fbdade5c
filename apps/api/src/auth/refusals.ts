import { ProblemError } from '../http/problem-error';

const CHALLENGE = 'Bearer realm="audit-query"';

/** A vault that is away is asked again within that, at first. */
const RETRY_SECONDS = '5';

/**
 * The answer to a request without a credential, or with one that is not valid.
 *
 * @param reason A sentence that is the same for all tokens of its kind; absent when there is no credential, for which
 *   RFC 6750 (3.1) wants a challenge without an error.
 */
export function refuseUnauthenticated(reason?: string, cause?: unknown): ProblemError {
  if (reason === undefined) {
    return new ProblemError('UNAUTHENTICATED', { headers: { 'WWW-Authenticate': CHALLENGE } });
  }
  const challenge = `${CHALLENGE}, error="invalid_token", error_description="${reason}"`;
  return new ProblemError('UNAUTHENTICATED', { detail: reason, headers: { 'WWW-Authenticate': challenge }, cause });
}

/** The answer to a credential that is valid and lacks what is required (RFC 6750, 3.1). */
export function refuseForbidden(requiredScope: string | undefined): ProblemError {
  const scope = requiredScope === undefined ? '' : `, scope="${requiredScope}"`;
  const challenge = `${CHALLENGE}, error="insufficient_scope"${scope}`;
  return new ProblemError('FORBIDDEN', { headers: { 'WWW-Authenticate': challenge } });
}

/** The answer while there is no list of keys to look a credential up in. */
export function refuseForNow(): ProblemError {
  return new ProblemError('AUTH_UNAVAILABLE', { headers: { 'Retry-After': RETRY_SECONDS } });
}
