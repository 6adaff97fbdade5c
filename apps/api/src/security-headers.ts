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
