import type { IncomingHttpHeaders } from 'node:http';
import type { ApiKeys } from './api-keys';
import type { Authenticator, Credential } from './authenticator';
import { MAX_CREDENTIAL_LENGTH, readBearer, refuseForNow, refuseUnauthenticated } from './bearer';

/** Authenticates callers by a key of the list, sent as `x-api-key` or as a bearer token. */
export class ApiKeyAuthenticator implements Authenticator {
  constructor(
    private readonly keys: ApiKeys,
    /** Ends what keeps the list up to date. */
    readonly close: () => void,
  ) {}

  get problem(): string | undefined {
    return this.keys.isKnown ? undefined : 'The list of API keys has not been read yet.';
  }

  onChange(listener: () => void): void {
    this.keys.onReplace(listener);
  }

  authenticate(headers: IncomingHttpHeaders): Credential {
    if (!this.keys.isKnown) throw refuseForNow();
    const credential = this.keys.find(readKey(headers));
    if (credential === undefined) throw refuseUnauthenticated('The API key is not known.');
    return { ...credential, caller: `key:${credential.caller}` };
  }
}

/** @throws ProblemError UNAUTHENTICATED when there is none, or when there are two that differ. */
function readKey({ authorization, 'x-api-key': header }: IncomingHttpHeaders): string {
  const own = [header].flat().join();
  if (own.length > MAX_CREDENTIAL_LENGTH) throw refuseUnauthenticated('The credential is too long.');
  const bearer = readBearer(authorization);
  const key = own === '' ? bearer : own;
  if (key === undefined) throw refuseUnauthenticated();
  // It is unknown which of the two is meant.
  if (bearer !== undefined && bearer !== key) throw refuseUnauthenticated('There are two API keys that differ.');
  return key;
}
