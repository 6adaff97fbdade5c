import type { IncomingHttpHeaders } from 'node:http';

/** Tells who sends a request, by one of the ways that `AUTH_MODE` and `OPERATOR_AUTH` choose from. */
export interface Authenticator {
  /**
   * @returns The name of the caller or operator. Each way has a prefix of its own, so that names of two ways are never equal.
   * @throws ProblemError UNAUTHENTICATED, FORBIDDEN or AUTH_UNAVAILABLE
   */
  authenticate(headers: IncomingHttpHeaders): string | Promise<string>;

  /** Why nobody can be told from anybody else at the moment, as a sentence; undefined when they can be told. */
  readonly problem: string | undefined;

  /** Lets go of timers and files. */
  close(): void;
}

export const AUTHENTICATOR = Symbol('AUTHENTICATOR');
