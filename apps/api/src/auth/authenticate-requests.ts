import type { IncomingHttpHeaders } from 'node:http';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Authenticator, Credential } from './authenticator';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Answered to anyone: the route has no data of any caller. */
    isOpen?: boolean;
  }
}

/**
 * Checks the credential before anything else: before the body is read and before anything is validated or counted, and
 * without Redis. So a request without a credential causes no other work. Every route requires one, unless it is marked open.
 *
 * @param refuseChange Throws for a request that may not submit or terminate anything, whatever its credential.
 */
export function authenticateRequests(
  fastify: FastifyInstance,
  authenticator: Authenticator,
  refuseChange: (headers: IncomingHttpHeaders) => void,
): void {
  fastify.decorateRequest('caller', '');
  fastify.decorateRequest('credential', null);
  // After the hooks of CORS, without whose headers no script of another origin could read the refusal.
  fastify.addHook('preParsing', (request, _reply, _payload, done) => {
    if (isOpen(request)) return done();
    const letIn = (credential: Credential) => {
      request.caller = credential.caller;
      request.credential = credential;
      done();
    };
    try {
      if (isChange(request)) refuseChange(request.headers);
      const credential = authenticator.authenticate(request.headers);
      // Most ways need no promise, and to wait for one all the same was felt in the smallest requests.
      if (credential instanceof Promise) credential.then(letIn, done);
      else letIn(credential);
    } catch (error) {
      done(error as Error);
    }
  });
  fastify.addHook('onClose', async () => authenticator.close());
}

function isChange({ method, routeOptions }: FastifyRequest): boolean {
  return (method !== 'GET' && method !== 'HEAD') || routeOptions.config.isChange === true;
}

/** A browser's preflight never has a credential; what is no route has nothing to guard. */
function isOpen({ method, is404, routeOptions }: FastifyRequest): boolean {
  return method === 'OPTIONS' || is404 || routeOptions.config.isOpen === true;
}
