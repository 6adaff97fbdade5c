import helmet from '@fastify/helmet';
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
 * Sends Helmet's headers with every answer, but for those that only long gone browsers knew. Where the public address
 * is https, browsers are told to keep to that; elsewhere there would be nothing to keep to.
 */
export async function sendSecurityHeaders(fastify: FastifyInstance, { publicBaseUrl }: ApiConfig): Promise<void> {
  const isHttps = publicBaseUrl?.toLowerCase().startsWith('https:') ?? false;
  await fastify.register(helmet, {
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'none'"],
        baseUri: ["'none'"],
        formAction: ["'none'"],
        frameAncestors: ["'none'"],
      },
    },
    strictTransportSecurity: isHttps && { maxAge: HSTS_SECONDS, includeSubDomains: false },
    xFrameOptions: { action: 'deny' },
    xDnsPrefetchControl: false,
    xDownloadOptions: false,
    xPermittedCrossDomainPolicies: false,
    originAgentCluster: false,
    xXssProtection: false,
  });
}
