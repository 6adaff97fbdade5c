import { refuseUnauthenticated } from './refusals';

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
