import { ALL_ERRORS, type AnyErrorCode, describeError, type ErrorCode } from '#shared/contract/error-codes';
import { HttpException, HttpStatus } from '@nestjs/common';

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

/** The codes of what Nest and Fastify refuse on their own, before any code of ours is reached. */
const FRAMEWORK_CODES: ReadonlyMap<number, ErrorCode> = new Map([
  [HttpStatus.BAD_REQUEST, 'REQUEST_INVALID'],
  [HttpStatus.NOT_FOUND, 'ROUTE_NOT_FOUND'],
  [HttpStatus.PAYLOAD_TOO_LARGE, 'BODY_TOO_LARGE'],
  [HttpStatus.UNSUPPORTED_MEDIA_TYPE, 'MEDIA_TYPE_UNSUPPORTED'],
]);

/** Converts any thrown value; an unexpected one becomes an INTERNAL_ERROR without details. */
export function toProblemError(thrown: unknown): ProblemError {
  if (thrown instanceof ProblemError) return thrown;
  const code = FRAMEWORK_CODES.get(readStatus(thrown)) ?? 'INTERNAL_ERROR';
  return new ProblemError(code, { cause: thrown });
}

/** Nest's errors have a method for it, those of Fastify a member. */
function readStatus(thrown: unknown): number {
  if (thrown instanceof HttpException) return thrown.getStatus();
  const { statusCode, code } = (thrown ?? {}) as { statusCode?: unknown; code?: unknown };
  // Other libraries, too, give their errors a status: of the service that they ask.
  const isOfFastify = typeof code === 'string' && code.startsWith('FST_');
  return isOfFastify && typeof statusCode === 'number' ? statusCode : HttpStatus.INTERNAL_SERVER_ERROR;
}
