import type { IncomingHttpHeaders } from 'node:http';
import { ProblemError } from '../errors/problem-error';

/** Methods that change nothing; a page of another site could send them, and cannot read what they give. */
const SAFE_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);

/** What a browser says of its own page, and of an address that a person typed (Fetch Metadata). */
const OWN_SITES: ReadonlySet<string | undefined> = new Set(['same-origin', 'none']);

/**
 * Refuses a change that a page of another origin has its visitor's browser send, which adds the Basic credential by
 * itself and reaches loopback. Programs send neither of the two headers, and are not meant.
 *
 * @throws ProblemError CROSS_SITE_REQUEST
 */
export function refuseCrossSite(method: string, headers: IncomingHttpHeaders): void {
  if (SAFE_METHODS.has(method)) return;
  const { origin, host = '', 'sec-fetch-site': site } = headers;
  const isForeign = origin !== undefined && !isOriginOf(origin, host);
  if (isForeign || (site !== undefined && !OWN_SITES.has([site].flat().join()))) {
    throw new ProblemError('CROSS_SITE_REQUEST');
  }
}

/** By host and port alone: where TLS ends at a proxy, the scheme here is another. */
function isOriginOf(origin: string, host: string): boolean {
  // `null` of a sandboxed page, too, is no URL.
  return URL.canParse(origin) && new URL(origin).host === host.toLowerCase();
}
