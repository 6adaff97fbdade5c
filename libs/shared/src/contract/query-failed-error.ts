import type { FailureCode } from './error-codes';

/**
 * A query that cannot succeed, and the code with which it ends. `message` and `cause` are for the log
 * alone; callers see the fixed text of the code.
 */
export class QueryFailedError extends Error {
  override readonly name = 'QueryFailedError';

  constructor(
    readonly code: FailureCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
