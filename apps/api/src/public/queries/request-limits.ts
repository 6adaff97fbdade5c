import { Injectable } from '@nestjs/common';
import { ApiConfig } from '#shared/config/api-config';
import { type RateWindow, type WindowCount, countRequest } from '#shared/redis/rate-window';
import { RecordKeys } from '#shared/redis/record-keys';
import { ProblemError } from '../../http/problem-error';
import type { FastifyInstance } from 'fastify';
import { type RedisClient, readReplyCode } from '#shared/redis/redis-client';
import { reachRedis } from '../../queue/reach-redis';

const WINDOW_SECONDS = 60;

/** `RateLimit` and `RateLimit-Policy`, as draft-ietf-httpapi-ratelimit-headers has them. */
export type RateLimitHeaders = Record<'RateLimit' | 'RateLimit-Policy', string>;

/** A window with the name that callers know it by. */
interface NamedWindow extends RateWindow {
  name: 'submissions' | 'polls' | 'requests';
}

/** The limits of a caller: the windows that count, the headers that describe them, and the error beyond them. */
@Injectable()
export class RequestLimiter {
  constructor(
    private readonly config: ApiConfig,
    private readonly keys: RecordKeys,
  ) {}

  submissionsOf(caller: string): NamedWindow {
    return this.toWindow('submissions', this.config.submissionsPerMinute, [caller]);
  }

  /** Counted by caller and query: requests of another caller do not use up the owner's polls. */
  pollsOf(caller: string, id: string): NamedWindow {
    return this.toWindow('polls', this.config.pollsPerMinute, [caller, id]);
  }

  requestsOf(caller: string): NamedWindow {
    return this.toWindow('requests', this.config.requestsPerMinute, [caller]);
  }

  /** @throws ProblemError RATE_LIMITED when more were counted than are let through. */
  check({ name, limit }: NamedWindow, { taken, msLeft }: WindowCount): RateLimitHeaders {
    const seconds = String(Math.max(1, Math.ceil(msLeft / 1_000)));
    const headers = {
      'RateLimit-Policy': `"${name}";q=${limit};w=${WINDOW_SECONDS}`,
      RateLimit: `"${name}";r=${Math.max(0, limit - taken)};t=${seconds}`,
    };
    if (taken > limit) throw new ProblemError('RATE_LIMITED', { headers: { ...headers, 'Retry-After': seconds } });
    return headers;
  }

  private toWindow(name: NamedWindow['name'], limit: number, subject: readonly string[]): NamedWindow {
    return { name, limit, key: this.keys.rateWindow(name, subject), windowMs: WINDOW_SECONDS * 1_000 };
  }
}

/**
 * The part of the limit that is counted at once. A command for each request would take a tenth of the time of the fastest;
 * what a process has counted and not used makes the limit stricter by one such part at most.
 */
const PARTS = 100;

/** Callers that a process remembers; one that it forgets is counted anew. */
const MOST_CALLERS = 10_000;

/** What a process may still let through of a caller's requests: counted in Redis already. */
interface Permits {
  left: number;
  /** When the window ends, by `performance.now()`. */
  until: number;
  counting: Promise<void> | undefined;
}

/**
 * Counts every request that has a caller, on every route and for every id, before its body is read. A request without a
 * caller costs Redis nothing.
 */
export function limitRequests(fastify: FastifyInstance, limiter: RequestLimiter, redis: RedisClient): void {
  const permitsOf = new Map<string, Permits>();

  /** @throws ProblemError RATE_LIMITED, SERVICE_UNAVAILABLE */
  const count = async (caller: string, permits: Permits) => {
    const window = limiter.requestsOf(caller);
    const part = Math.ceil(window.limit / PARTS);
    const { taken, msLeft } = await reachRedis(redis, () => countRequest(redis, window, part));
    const isOver = taken - part >= window.limit;
    permits.left = isOver ? 0 : part - Math.max(0, taken - window.limit);
    permits.until = performance.now() + Math.max(1, msLeft);
    if (isOver) limiter.check(window, { taken, msLeft });
  };

  const take = async (caller: string) => {
    if (permitsOf.size >= MOST_CALLERS) permitsOf.clear();
    const permits = permitsOf.get(caller) ?? { left: 0, until: 0, counting: undefined };
    permitsOf.set(caller, permits);
    try {
      while (permits.left === 0 || performance.now() >= permits.until) {
        permits.counting ??= count(caller, permits).finally(() => (permits.counting = undefined));
        await permits.counting;
      }
      permits.left -= 1;
    } catch (error) {
      // A full Redis takes no counts and still answers what only reads.
      if (readReplyCode((error as Error).cause) === undefined) throw error;
    }
  };

  // After that of `authenticateRequests`, which has set the caller.
  fastify.addHook('preParsing', (request, _reply, _payload, done) => {
    if (request.caller === '') done();
    else take(request.caller).then(() => done(), done);
  });
}
