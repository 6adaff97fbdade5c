import { ALL_ERRORS } from '#shared/contract/error-codes';
import type { ProblemError } from './problem-error';

/**
 * The body of an answer that is an error (RFC 9457).
 *
 * @param explanation Where the listener explains its codes; the code follows it.
 * @param instance The path of the request.
 */
export function toProblemDocument(
  { code, detail, status }: ProblemError,
  explanation: string,
  instance: string | undefined,
) {
  return {
    type: `${explanation}${code}`,
    title: ALL_ERRORS[code].title,
    status,
    code,
    detail,
    instance,
    error: { code, message: detail },
  };
}
