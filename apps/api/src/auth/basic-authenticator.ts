import type { IncomingHttpHeaders } from 'node:http';
import type { ApiKeys } from './api-keys';
import type { Authenticator, Credential } from './authenticator';
import { MAX_CREDENTIAL_LENGTH, refuseForNow } from './bearer';
import { ProblemError } from '../http/problem-error';

/** What makes a browser ask for name and key (RFC 7617, 2). */
const CHALLENGE = 'Basic realm="audit-query operators", charset="UTF-8"';

const BASIC = /^Basic +([A-Za-z0-9+/]+={0,2})$/i;

/** Authenticates by a name of the list and its key, as user name and password of HTTP Basic (RFC 7617). */
export class BasicAuthenticator implements Authenticator {
  constructor(
    private readonly keys: ApiKeys,
    /** Ends what keeps the list up to date. */
    readonly close: () => void,
  ) {}

  get problem(): string | undefined {
    return this.keys.isKnown ? undefined : 'The list of operators has not been read yet.';
  }

  authenticate({ authorization }: IncomingHttpHeaders): Credential {
    if (!this.keys.isKnown) throw refuseForNow();
    const { user, password } = readBasic(authorization);
    // Looked up whatever the name is, so that it takes the same time whether or not there is such a name.
    const credential = this.keys.find(password);
    if (credential === undefined || credential.caller !== user)
      throw refuse('The user name or the password is not right.');
    return { ...credential, caller: `basic:${credential.caller}` };
  }
}

/** @throws ProblemError UNAUTHENTICATED when there is none, or it is of another scheme, malformed or far too long. */
export function readBasic(authorization: string | undefined): { user: string; password: string } {
  if (authorization === undefined) throw refuse();
  if (authorization.length > MAX_CREDENTIAL_LENGTH) throw refuse('The credential is too long.');
  const encoded = BASIC.exec(authorization)?.[1];
  if (encoded === undefined) throw refuse('The Authorization header is not of the form: Basic CREDENTIALS.');
  const text = Buffer.from(encoded, 'base64').toString('utf8');
  // A name has no colon, a password may have one.
  const colon = text.indexOf(':');
  if (colon < 0) throw refuse('The credentials are not of the form: NAME:KEY.');
  return { user: text.slice(0, colon), password: text.slice(colon + 1) };
}

function refuse(detail?: string): ProblemError {
  const headers = { 'WWW-Authenticate': CHALLENGE };
  return new ProblemError('UNAUTHENTICATED', detail === undefined ? { headers } : { detail, headers });
}
