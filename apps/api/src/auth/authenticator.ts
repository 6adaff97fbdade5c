import type { IncomingHttpHeaders } from 'node:http';
import { isLoopbackHost } from '#shared/config/loopback';
import { ProblemError } from '../http/problem-error';

/** Who sends a request, and how long its credential lasts. */
export interface Credential {
  /** The name of the caller or operator. Each way has a prefix of its own, so that names of two ways are never equal. */
  readonly caller: string;
  /** When the credential expires, in milliseconds since 1970; absent where it does not. */
  readonly expiresAt?: number;
  /** Whether a request with the same credential would be accepted now. Does no I/O: streams call it every second. */
  isStillValid(): boolean;
}

/** Tells who sends a request, by one of the ways that `AUTH_MODE` and `OPERATOR_AUTH` choose from. */
export interface Authenticator {
  /** @throws ProblemError UNAUTHENTICATED, FORBIDDEN or AUTH_UNAVAILABLE */
  authenticate(headers: IncomingHttpHeaders): Credential | Promise<Credential>;

  /** Called when credentials may have become invalid; absent where they only expire. */
  onChange?(listener: () => void): void;

  /** Why no credential can be checked at the moment, as a sentence; undefined when they can be. */
  readonly problem: string | undefined;

  /** Lets go of timers and files. */
  close(): void;
}

/** Of anyone, where no credential is asked for. */
export const ANONYMOUS: Credential = { caller: 'anonymous', isStillValid: () => true };

export const AUTHENTICATOR = Symbol('AUTHENTICATOR');

/** Anyone on this machine, who is not asked who it is, but no page of another site that got here by its own name. */
export const ANYONE_HERE: Authenticator = {
  authenticate({ host }) {
    if (!isLoopbackHost(host)) throw new ProblemError('HOST_NOT_ALLOWED');
    return ANONYMOUS;
  },
  problem: undefined,
  close() {},
};
