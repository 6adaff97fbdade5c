import { ProblemError } from '../../http/problem-error';

/** How long a client would have its answer held back, and whether it said so by a preference, which is confirmed. */
export interface Wait {
  seconds: number;
  isPreference: boolean;
}

const NONE: Wait = { seconds: 0, isPreference: false };

/**
 * Reads `?wait=N` or `Prefer: wait=N` (RFC 7240), in whole seconds; the parameter goes first. A wait beyond the
 * maximum is the maximum. A preference that is not understood is ignored, as the RFC wants it.
 *
 * @throws ProblemError REQUEST_INVALID for a parameter that is no whole number, or is given twice.
 */
export function readWait(parameter: unknown, prefer: string | string[] | undefined, maxSeconds: number): Wait {
  if (parameter !== undefined) {
    if (typeof parameter !== 'string' || !/^\d{1,9}$/.test(parameter)) {
      throw new ProblemError('REQUEST_INVALID', { detail: 'wait must be a whole number of seconds, given once.' });
    }
    return { seconds: Math.min(Number(parameter), maxSeconds), isPreference: false };
  }
  if (prefer === undefined) return NONE;
  const preference = /(?:^|[,\s])wait\s*=\s*"?(\d{1,9})"?\s*(?=[,;]|$)/i.exec([prefer].flat().join(','));
  if (preference === null) return NONE;
  return { seconds: Math.min(Number(preference[1]), maxSeconds), isPreference: true };
}
