import type { FastifyAdapter } from '@nestjs/platform-fastify';
import type { FastifyReply, FastifyRequest, RouteOptions } from 'fastify';
import { ProblemError } from './problem-error';

declare module 'fastify' {
  interface FastifyContextConfig {
    /**
     * A GET that changes something. It has no HEAD, which link checkers and caches send unasked.
     */
    isChange?: boolean;
  }
}

/**
 * Lets every route say which methods it has: OPTIONS is answered with 204 and `Allow`, any other method that it lacks
 * with 405 and `Allow` (RFC 9110, 15.5.6), where the router alone would say 404. None has TRACE, which would send a
 * credential back.
 *
 * @param sendError How the listener answers with an error.
 * @returns What to call when all routes are there.
 */
export function answerOtherMethods(
  adapter: FastifyAdapter,
  sendError: (problem: ProblemError, request: FastifyRequest, reply: FastifyReply) => void,
): () => void {
  const fastify = adapter.getInstance();
  const methodsByUrl = new Map<string, Set<string>>();
  const allowByUrl = new Map<string, string>();
  fastify.addHook('onRoute', ({ url, method, config }: RouteOptions) => {
    const methods = methodsByUrl.get(url) ?? new Set();
    // Fastify itself has given a GET its HEAD, which the hook below keeps from its handler.
    for (const one of [method].flat()) if (one !== 'HEAD' || !config?.isChange) methods.add(one);
    methodsByUrl.set(url, methods);
  });
  // The one hook that goes before that of CORS, which lets no preflight through to a handler.
  adapter.setOnRequestHook((request, reply, done) => {
    const allow = request.method === 'OPTIONS' && allowByUrl.get(request.routeOptions.url ?? '');
    if (allow) void reply.header('Allow', allow);
    done();
  });
  // After the hooks whose headers every answer has, and before a credential is asked for, as with other methods.
  fastify.addHook('preParsing', (request, reply, _payload, done) => {
    if (request.method !== 'HEAD' || !request.routeOptions.config.isChange) return done();
    const Allow = allowByUrl.get(request.routeOptions.url ?? '') ?? '';
    sendError(new ProblemError('METHOD_NOT_ALLOWED', { headers: { Allow } }), request, reply);
  });
  return () => {
    for (const [url, present] of [...methodsByUrl].filter(([path]) => !path.includes('*'))) {
      const Allow = [...present].join(', ');
      allowByUrl.set(url, Allow);
      fastify.route({
        url,
        method: fastify.supportedMethods.filter((method) => !present.has(method) && !fastify.hasRoute({ url, method })),
        config: { isOpen: true },
        handler: (request, reply) => {
          if (request.method === 'OPTIONS') return reply.status(204).send();
          sendError(new ProblemError('METHOD_NOT_ALLOWED', { headers: { Allow } }), request, reply);
          return reply;
        },
      });
    }
  };
}
