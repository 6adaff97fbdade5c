import type { FastifyInstance } from 'fastify';
import type { ApiConfig } from '#shared/config/api-config';

/** A year, as browsers want it before they believe it. */
const HSTS_SECONDS = 31_536_000;

/** What keeps a browser from taking data for anything else. Pages have policies of their own. */
export const STRICT_HEADERS = {
  'Content-Security-Policy': "default-src 'none';base-uri 'none';form-action 'none';frame-ancestors 'none'",
  'X-Content-Type-Options': 'nosniff',
} as const;

/**
 * Sends Helmet's headers with every answer, but for those that only browsers of long ago knew. A test holds them
 * against Helmet itself, which is not used here because it makes them anew for each request. Where the public
 * address is https, browsers are told to keep to that; elsewhere there would be nothing to keep to.
 */
export function sendSecurityHeaders(fastify: FastifyInstance, { publicBaseUrl }: ApiConfig): void {
  const isHttps = publicBaseUrl?.startsWith('https:') ?? false;
  const headers = {
    ...STRICT_HEADERS,
    'Cross-Origin-Opener-Policy': 'same-origin',
    'Cross-Origin-Resource-Policy': 'same-origin',
    'Referrer-Policy': 'no-referrer',
    'X-Frame-Options': 'DENY',
    ...(isHttps ? { 'Strict-Transport-Security': `max-age=${HSTS_SECONDS}` } : {}),
  };
  fastify.addHook('onRequest', (_request, reply, done) => {
    void reply.headers(headers);
    done();
  });
}
