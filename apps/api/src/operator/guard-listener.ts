import { Logger } from '@nestjs/common';
import type { FastifyInstance } from 'fastify';
import type { Authenticator } from '../auth/authenticator';
import { OnceAMinute } from '../http/once-a-minute';
import { toProblemError } from '../http/problem-error';
import { refuseCrossSite } from '../http/refuse-cross-site';
import { sendOperatorError } from './operator-error.filter';

/**
 * What the dashboard needs: its own files, and the styles and fonts that its scripts set. Unlike helmet's, it has no
 * `upgrade-insecure-requests`, which leaves the dashboard without its files over plain http.
 */
const DASHBOARD_POLICY = [
  `default-src 'none'`,
  `script-src 'self'`,
  `style-src 'self' 'unsafe-inline'`,
  `img-src 'self' data:`,
  `font-src 'self' data:`,
  `connect-src 'self'`,
  `base-uri 'self'`,
  `form-action 'none'`,
  `frame-ancestors 'none'`,
].join('; ');

/** Methods that change nothing; a page of another site could send them, and cannot read the answer. */
const SAFE_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * The one hook that every request of the listener passes: to controllers, the dashboard and its files, the metrics, and
 * unknown paths. Requests without a valid credential are rejected here and nowhere else, without Redis. Only a path that
 * the router cannot decode does not get here: it is 404 for every caller.
 */
export function guardListener(fastify: FastifyInstance, authenticator: Authenticator): void {
  const logger = new Logger('OperatorGuard');
  const failures = new OnceAMinute();
  fastify.decorateRequest('operator', '');
  fastify.addHook('onRequest', async (request, reply) => {
    void reply.header('Cache-Control', 'no-store');
    try {
      const { caller: operator } = await authenticator.authenticate(request.headers);
      if (!SAFE_METHODS.has(request.method)) refuseCrossSite(request.headers);
      request.operator = operator;
      if (request.routeOptions.url?.startsWith('/queues')) {
        void reply.header('Content-Security-Policy', DASHBOARD_POLICY);
      }
      return undefined;
    } catch (error) {
      // Answered here: the dashboard has an error handler of its own.
      const problem = toProblemError(error);
      if (problem.status >= 500 && failures.isDue(problem.code))
        logger.warn(`${problem.code}: ${String(problem.cause)}`);
      // Set by an earlier hook; it would reveal the routes to a request without a credential.
      void reply.removeHeader('Allow');
      sendOperatorError(problem, request, reply);
      return reply;
    }
  });
  fastify.addHook('onClose', async () => authenticator.close());
}
