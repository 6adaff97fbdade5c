import type { FastifyInstance } from 'fastify';
import { isLoopbackHost, LOOPBACK } from '#shared/config/loopback';

const REFUSAL = {
  code: 'HOST_NOT_ALLOWED',
  detail:
    'While HEALTH_HOST is a loopback address, this listener is reached by a loopback name alone. ' +
    'Send the Host localhost or 127.0.0.1, or let HEALTH_HOST be an address beyond loopback.',
};

/**
 * Rejects requests under a foreign name while the listener is bound to loopback: a site can point its name to this machine
 * (DNS rebinding). Beyond loopback, probes and scrapes may use any name.
 *
 * @param healthHost `WorkerConfig.healthHost`.
 */
export function refuseForeignHosts(fastify: FastifyInstance, healthHost: string): void {
  // LOOPBACK has no 127.0.0.2.
  if (!LOOPBACK.has(healthHost) && !isLoopbackHost(healthHost)) return;
  fastify.addHook('onRequest', async ({ headers }, reply) => {
    if (isLoopbackHost(headers.host)) return undefined;
    return reply.status(403).header('Cache-Control', 'no-store').send(REFUSAL);
  });
}
