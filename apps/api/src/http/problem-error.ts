import { ALL_ERRORS, type AnyErrorCode, describeError } from '#shared/contract/error-codes';

/** An answer that is an error. `detail`, `instance` and `headers` go to the caller; `message` and `cause` only to the log. */
export class ProblemError extends Error {
  override readonly name = 'ProblemError';
  readonly status: number;
  readonly detail: string;
  /** The path of what it is about, where that is not what was asked for. */
  readonly instance: string | undefined;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    readonly code: AnyErrorCode,
    options: { detail?: string; instance?: string; headers?: Record<string, string>; cause?: unknown } = {},
  ) {
    super(code, { cause: options.cause });
    this.status = ALL_ERRORS[code].status;
    this.detail = options.detail ?? describeError(code);
    this.instance = options.instance;
    this.headers = options.headers ?? {};
  }
}
