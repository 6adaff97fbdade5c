import type { IncomingHttpHeaders } from 'node:http';

/** Tells who calls, by one of the ways that `AUTH_MODE` chooses from. */
export interface Authenticator {
  /**
   * @returns The caller's name. Each way has a prefix of its own, so that names of two ways are never equal.
   * @throws ProblemError UNAUTHENTICATED, FORBIDDEN or AUTH_UNAVAILABLE
   */
  authenticate(headers: IncomingHttpHeaders): string | Promise<string>;

  /** Lets go of timers and files. */
  close(): void;
}
