import { Inject, Injectable } from '@nestjs/common';
import type { Redis } from 'ioredis';
import { RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible';
import { ApiConfig } from '#shared/config/api-config';
import { REDIS } from '../../queue/redis.token';
import { ProblemError } from '../errors/problem-error';

const WINDOW_SECONDS = 60;

/** `RateLimit` and `RateLimit-Policy`, as draft-ietf-httpapi-ratelimit-headers has them. */
export type RateLimitHeaders = Record<'RateLimit' | 'RateLimit-Policy', string>;

/** Counts requests in Redis, so that the limits hold over all API processes. */
@Injectable()
export class RequestLimiter {
  private readonly submissions: RateLimiterRedis;
  private readonly polls: RateLimiterRedis;

  constructor(@Inject(REDIS) redis: Redis, config: ApiConfig) {
    const create = (name: string, points: number) =>
      new RateLimiterRedis({
        storeClient: redis,
        keyPrefix: `${config.keyPrefix}:limit:${name}`,
        points,
        duration: WINDOW_SECONDS,
        rejectIfRedisNotReady: true,
      });
    this.submissions = create('submissions', config.submissionsPerMinute);
    this.polls = create('polls', config.pollsPerMinute);
  }

  /** @throws ProblemError RATE_LIMITED when the caller has submitted too often; Error when Redis is away. */
  takeSubmission(caller: string): Promise<RateLimitHeaders> {
    return this.take('submissions', this.submissions, caller);
  }

  /** @throws ProblemError RATE_LIMITED when the query was asked for too often; Error when Redis is away. */
  takePoll(caller: string, id: string): Promise<RateLimitHeaders> {
    return this.take('polls', this.polls, `${caller}:${id}`);
  }

  private async take(name: string, limiter: RateLimiterRedis, key: string): Promise<RateLimitHeaders> {
    try {
      return toHeaders(name, limiter.points, await limiter.consume(key));
    } catch (thrown) {
      // The library rejects with the count when there is nothing left, and with an error when it cannot count.
      if (!(thrown instanceof RateLimiterRes)) throw thrown;
      const headers = toHeaders(name, limiter.points, thrown);
      throw new ProblemError('RATE_LIMITED', { headers: { ...headers, 'Retry-After': toSeconds(thrown) } });
    }
  }
}

function toHeaders(name: string, limit: number, result: RateLimiterRes): RateLimitHeaders {
  return {
    'RateLimit-Policy': `"${name}";q=${limit};w=${WINDOW_SECONDS}`,
    RateLimit: `"${name}";r=${result.remainingPoints};t=${toSeconds(result)}`,
  };
}

function toSeconds({ msBeforeNext }: RateLimiterRes): string {
  return String(Math.max(1, Math.ceil(msBeforeNext / 1_000)));
}
