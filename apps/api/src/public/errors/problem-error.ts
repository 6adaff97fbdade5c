import { describeError, ERROR_TABLE, type ErrorCode } from '#shared/contract/error-codes';

/** An answer that is an error. `detail` and `headers` go to the caller; `message` and `cause` only to the log. */
export class ProblemError extends Error {
  override readonly name = 'ProblemError';
  readonly status: number;
  readonly detail: string;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    readonly code: ErrorCode,
    options: { detail?: string; headers?: Record<string, string>; cause?: unknown } = {},
  ) {
    super(code, { cause: options.cause });
    this.status = ERROR_TABLE[code].status;
    this.detail = options.detail ?? describeError(code);
    this.headers = options.headers ?? {};
  }
}
