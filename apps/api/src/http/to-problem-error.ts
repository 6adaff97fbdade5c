import { HttpException, HttpStatus } from '@nestjs/common';
import type { ErrorCode } from '#shared/contract/error-codes';
import { ProblemError } from './problem-error';

/** The codes of what Nest and Fastify refuse on their own, before any code of ours is reached. */
const FRAMEWORK_CODES: ReadonlyMap<number, ErrorCode> = new Map([
  [HttpStatus.BAD_REQUEST, 'REQUEST_INVALID'],
  [HttpStatus.NOT_FOUND, 'ROUTE_NOT_FOUND'],
  [HttpStatus.PAYLOAD_TOO_LARGE, 'BODY_TOO_LARGE'],
  [HttpStatus.UNSUPPORTED_MEDIA_TYPE, 'MEDIA_TYPE_UNSUPPORTED'],
]);

/** Whatever was thrown, as an answer; what nobody foresaw is an INTERNAL_ERROR that tells nothing. */
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
