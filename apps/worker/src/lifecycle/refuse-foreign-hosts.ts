import type { FastifyInstance } from 'fastify';
import { LOOPBACK } from '#shared/config/rules';
import { isLoopbackHost } from '#shared/http/is-loopback-host';

const REFUSAL = {
  code: 'HOST_NOT_ALLOWED',
  detail:
    'While HEALTH_HOST is a loopback address, this listener is reached by a loopback name alone. ' +
    'Send the Host localhost or 127.0.0.1, or let HEALTH_HOST be an address beyond loopback.',
};

/**
 * Refuses pages of sites whose name points to this machine, while the listener is bound to loopback. Beyond loopback, probes and
 * scrapes come by any name.
 *
 * @param healthHost `WorkerConfig.healthHost`.
 */
export function refuseForeignHosts(fastify: FastifyInstance, healthHost: string): void {
  // 127.0.0.2 too.
  if (!LOOPBACK.has(healthHost) && !isLoopbackHost(healthHost)) return;
  fastify.addHook('onRequest', async ({ headers }, reply) => {
    if (isLoopbackHost(headers.host)) return undefined;
    return reply.status(403).header('Cache-Control', 'no-store').send(REFUSAL);
  });
}
