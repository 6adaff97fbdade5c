import type { IncomingHttpHeaders } from 'node:http';
import { ProblemError } from './problem-error';

/** What a browser says of its own page, and of an address that a person typed (Fetch Metadata). */
const OWN_SITES: ReadonlySet<string | undefined> = new Set(['same-origin', 'none']);

/**
 * Refuses a request that a page of another origin has its visitor's browser send: the browser adds a Basic credential by
 * itself, and reaches a loopback address that the page's own server cannot. Browsers send `Origin` with every POST, PUT and
 * DELETE, and `Sec-Fetch-Site` also with a GET; programs send neither.
 *
 * @param trustedOrigins Origins, beside that of the request's `Host`, whose pages may send the request.
 * @throws ProblemError CROSS_SITE_REQUEST
 */
export function refuseCrossSite(headers: IncomingHttpHeaders, trustedOrigins: readonly string[] = []): void {
  const { origin, host = '', 'sec-fetch-site': site } = headers;
  if (origin !== undefined && trustedOrigins.includes(origin)) return;
  const isOwnSite = site === undefined || OWN_SITES.has([site].flat().join());
  // Both: a page of the same host by plain http is another site, which a browser says of it alone.
  const isOwn = isOwnSite && (origin === undefined || isOriginOf(origin, host));
  if (!isOwn) throw new ProblemError('CROSS_SITE_REQUEST');
}

/** By host and port alone: where TLS ends at a proxy, the scheme here is another. */
function isOriginOf(origin: string, host: string): boolean {
  // `null` of a sandboxed page, too, is no URL.
  return URL.canParse(origin) && new URL(origin).host === host.toLowerCase();
}
