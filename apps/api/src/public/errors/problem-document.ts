import { ERROR_TABLE } from '#shared/contract/error-codes';
import type { ProblemError } from './problem-error';

/**
 * The body of an answer that is an error (RFC 9457).
 *
 * @param instance The path of the request.
 */
export function toProblemDocument({ code, detail, status }: ProblemError, instance: string | undefined) {
  return {
    type: `/api/docs#${code}`,
    title: ERROR_TABLE[code].title,
    status,
    code,
    detail,
    instance,
    error: { code, message: detail },
  };
}
