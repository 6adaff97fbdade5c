import type { IncomingMessage } from 'node:http';
import { ProblemError } from '../../http/problem-error';

const NAME = 'idempotency-key';

/** Printable, of any alphabet: a header's bytes reach us as Latin-1. */
// eslint-disable-next-line no-control-regex -- control characters are what it refuses
const KEY = /^[^\u0000-\u001f\u007f]{1,255}$/;

/**
 * Reads `Idempotency-Key`; undefined when there is none.
 *
 * @throws ProblemError IDEMPOTENCY_KEY_INVALID for one that is empty, longer than 255 characters, or has control characters, or
 *   is given twice.
 */
export function readIdempotencyKey({ headers, headersDistinct }: IncomingMessage): string | undefined {
  if (headers[NAME] === undefined) return undefined;
  // Among the other headers several would be one, joined by commas.
  const [key = '', another] = headersDistinct[NAME] ?? [];
  if (another !== undefined || !KEY.test(key)) throw new ProblemError('IDEMPOTENCY_KEY_INVALID');
  return key;
}
