import type { IncomingHttpHeaders } from 'node:http';
import { ProblemError } from '../errors/problem-error';

/** Loopback by name or address, with any port. */
const LOOPBACK_HOST = /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?$/i;

/**
 * Refuses whoever came by a name that is not this machine's: a site can let its name point to loopback (DNS rebinding),
 * and its page is then of the same origin. Where a credential is asked for, the page lacks it.
 *
 * @throws ProblemError HOST_NOT_ALLOWED
 */
export function refuseForeignHost({ host = '' }: IncomingHttpHeaders): void {
  if (!LOOPBACK_HOST.test(host)) throw new ProblemError('HOST_NOT_ALLOWED');
}
