import { ProblemError } from '../../errors/problem-error';

/** Printable, of any alphabet: a header's bytes reach us as Latin-1. */
// eslint-disable-next-line no-control-regex -- control characters are what it refuses
const KEY = /^[^\u0000-\u001f\u007f]{1,255}$/;

/**
 * Reads `Idempotency-Key`; undefined when there is none.
 *
 * @throws ProblemError IDEMPOTENCY_KEY_INVALID for one that is empty, longer than 255 characters, or has control characters.
 */
export function readIdempotencyKey(header: string | string[] | undefined): string | undefined {
  if (header === undefined) return undefined;
  if (typeof header !== 'string' || !KEY.test(header)) throw new ProblemError('IDEMPOTENCY_KEY_INVALID');
  return header;
}
