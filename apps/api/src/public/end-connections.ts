import type { FastifyInstance } from 'fastify';

const LOOK_EVERY_MS = 50;

/**
 * Lets a listener that closes end as soon as everything is answered. Node closes the connections that are idle when it
 * is told to close; one that is answered after that would be kept alive, and the process with it, for over a minute.
 */
export function endConnectionsOnClose(fastify: FastifyInstance): void {
  fastify.addHook('preClose', async () => {
    const timer = setInterval(() => fastify.server.closeIdleConnections(), LOOK_EVERY_MS);
    fastify.server.once('close', () => clearInterval(timer));
  });
}
