import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Authenticator } from '../../auth/authenticator';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Answered to anyone: the route has no data of any caller. */
    isOpen?: boolean;
  }
}

/**
 * Asks for the credential before anything else is done for a request: before its body is read, anything is validated
 * or counted, and without Redis, so that whoever has no credential can cause nothing but this. Every route asks that
 * does not say that it is open.
 */
export function authenticateRequests(fastify: FastifyInstance, authenticator: Authenticator): void {
  fastify.decorateRequest('caller', '');
  fastify.addHook('onRequest', async (request) => {
    if (isOpen(request)) return;
    request.caller = await authenticator.authenticate(request.headers);
  });
  fastify.addHook('onClose', async () => authenticator.close());
}

/** A browser's preflight never has a credential; what is no route has nothing to guard. */
function isOpen({ method, is404, routeOptions }: FastifyRequest): boolean {
  return method === 'OPTIONS' || is404 || routeOptions.config.isOpen === true;
}
