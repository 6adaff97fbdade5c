import { ProblemError } from '../http/problem-error';

/** The largest tokens of Entra ID, with 200 groups and many roles, have some 6 KiB. */
export const MAX_CREDENTIAL_LENGTH = 8_192;

/** The alphabet of RFC 6750 (2.1), which keys and JSON Web Tokens keep to. */
const BEARER = /^Bearer +([A-Za-z0-9\-._~+/]+=*)$/i;

/**
 * The token of an `Authorization` header; undefined when there is no such header.
 *
 * @throws ProblemError UNAUTHENTICATED when it is of another scheme, malformed or far too long.
 */
export function readBearer(authorization: string | undefined): string | undefined {
  if (authorization === undefined) return undefined;
  if (authorization.length > MAX_CREDENTIAL_LENGTH) throw refuseUnauthenticated('The credential is too long.');
  const token = BEARER.exec(authorization)?.[1];
  if (token === undefined) throw refuseUnauthenticated('The Authorization header is not of the form: Bearer TOKEN.');
  return token;
}

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
