import type { FastifyInstance, FastifyReply, FastifyRequest, RouteOptions } from 'fastify';
import { ProblemError } from './problem-error';

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const;

/**
 * Lets every route say which methods it has: OPTIONS is answered with 204 and `Allow`, any other method that
 * it lacks with 405 and `Allow` (RFC 9110, 15.5.6), where the router alone would say 404.
 *
 * @param sendError How the listener answers with an error.
 * @returns What to call when all routes are there.
 */
export function answerOtherMethods(
  fastify: FastifyInstance,
  sendError: (problem: ProblemError, request: FastifyRequest, reply: FastifyReply) => void,
): () => void {
  const methodsByUrl = new Map<string, Set<string>>();
  fastify.addHook('onRoute', ({ url, method }: RouteOptions) => {
    const methods = methodsByUrl.get(url) ?? new Set();
    for (const one of [method].flat()) methods.add(one);
    methodsByUrl.set(url, methods);
  });
  return () => {
    for (const [url, present] of [...methodsByUrl].filter(([path]) => !path.includes('*'))) {
      const Allow = [...present].join(', ');
      fastify.route({
        url,
        method: METHODS.filter((method) => !present.has(method)),
        handler: (request, reply) => {
          if (request.method === 'OPTIONS') return reply.status(204).header('Allow', Allow).send();
          sendError(new ProblemError('METHOD_NOT_ALLOWED', { headers: { Allow } }), request, reply);
          return reply;
        },
      });
    }
  };
}
