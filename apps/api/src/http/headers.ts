import type { FastifyReply } from 'fastify';
import type { ApiConfig } from '#shared/config/api-config';

/** A year, as browsers want it before they believe it. */
const HSTS_SECONDS = 31_536_000;

/**
 * Helmet's headers, but for those that only browsers of long ago knew. A test holds them against Helmet itself, which is not
 * used here because it makes them anew for each request. Pages replace the policy by one of their own.
 */
export const SECURITY_HEADERS = {
  'Content-Security-Policy': "default-src 'none';base-uri 'none';form-action 'none';frame-ancestors 'none'",
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
} as const;

/**
 * The headers for a listener with this public address, if it has one. An https address adds HSTS, without `includeSubDomains`:
 * a gateway's host is shared.
 */
export function toSecurityHeaders(publicBaseUrl: string | undefined): Readonly<Record<string, string>> {
  if (!publicBaseUrl?.startsWith('https:')) return SECURITY_HEADERS;
  return { ...SECURITY_HEADERS, 'Strict-Transport-Security': `max-age=${HSTS_SECONDS}` };
}

/** Names a header of the request on which the answer depends (RFC 9110, 12.5.5), beside those that others have named. */
export function varyBy(reply: FastifyReply, name: string): void {
  const before = reply.getHeader('Vary');
  // As in most answers.
  if (before === undefined) return void reply.header('Vary', name);
  const named = [before].flat().flatMap((value) => String(value).split(/ *, */));
  const isNamed = named.some((one) => one === '*' || one.toLowerCase() === name.toLowerCase());
  if (!isNamed) void reply.header('Vary', [...named, name].join(', '));
}

/**
 * The value of a `Location` header: absolute where the public origin is configured, else a relative reference
 * (RFC 9110, 10.2.2). Never built from a header of the request, which its sender chooses.
 */
export function toLocation({ publicBaseUrl }: ApiConfig, path: string): string {
  return (publicBaseUrl ?? '') + path;
}

/**
 * The `Link` header (RFC 8288) of a list that has another page.
 *
 * @param query The parameters of the page that is answered, which are those of the next one but for its token.
 */
export function toNextPageLink(path: string, query: object, nextPageToken: string): string {
  const next = new URLSearchParams({ ...(query as Record<string, string>), pageToken: nextPageToken });
  return `<${path}?${next.toString()}>; rel="next"`;
}
