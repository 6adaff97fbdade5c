import type { FastifyInstance } from 'fastify';
import { countRequest } from '#shared/redis/rate-window';
import type { RedisClient } from '#shared/redis/redis-client';
import { readReplyCode } from '#shared/redis/redis-script';
import { reachRedis } from '../../queue/reach-redis';
import type { RequestLimiter } from './request-limiter';

/**
 * Counts every request that has a caller, whatever its route and its id, before its body is read. A request of nobody costs
 * Redis nothing.
 */
export function limitRequests(fastify: FastifyInstance, limiter: RequestLimiter, redis: RedisClient): void {
  const count = async (caller: string) => {
    const window = limiter.requestsOf(caller);
    try {
      limiter.check(window, await reachRedis(redis, () => countRequest(redis, window)));
    } catch (error) {
      // A full Redis takes no counts and still answers what only reads.
      if (readReplyCode((error as Error).cause) === undefined) throw error;
    }
  };
  // After that of `authenticateRequests`, which has set the caller.
  fastify.addHook('preParsing', (request, _reply, _payload, done) => {
    if (request.caller === '') done();
    else count(request.caller).then(() => done(), done);
  });
}
