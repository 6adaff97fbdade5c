import { ALL_ERRORS, type AnyErrorCode, describeError } from '#shared/contract/error-codes';

/** An answer that is an error. `detail` and `headers` go to the caller; `message` and `cause` only to the log. */
export class ProblemError extends Error {
  override readonly name = 'ProblemError';
  readonly status: number;
  readonly detail: string;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    readonly code: AnyErrorCode,
    options: { detail?: string; headers?: Record<string, string>; cause?: unknown } = {},
  ) {
    super(code, { cause: options.cause });
    this.status = ALL_ERRORS[code].status;
    this.detail = options.detail ?? describeError(code);
    this.headers = options.headers ?? {};
  }
}
