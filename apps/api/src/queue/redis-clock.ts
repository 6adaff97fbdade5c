import { Inject, Injectable } from '@nestjs/common';
import { ApiConfig } from '#shared/config/api-config';
import { readRedisClock, type RedisClient } from '#shared/redis/redis-client';
import { REDIS } from './redis.token';

/** Redis' clock may be set meanwhile, or its server replaced by one with another clock. */
const MAX_AGE_MS = 10_000;

/**
 * Redis' clock, by which queries have their times, without a round trip for each reading: in between, the time since the
 * last one is added, which this machine's clock has no part in.
 */
@Injectable()
export class RedisClock {
  private last = { readAt: -Infinity, offsetMs: Promise.resolve(0) };

  constructor(
    @Inject(REDIS) private readonly redis: RedisClient,
    private readonly config: ApiConfig,
  ) {}

  /** Milliseconds since 1970. @throws What Redis answers, or that it does not. */
  async read(): Promise<number> {
    if (performance.now() - this.last.readAt > MAX_AGE_MS) {
      const reading = { readAt: performance.now(), offsetMs: this.readOffset() };
      this.last = reading;
      reading.offsetMs.catch(() => (reading.readAt = -Infinity));
    }
    const offsetMs = await this.last.offsetMs;
    return offsetMs + performance.now();
  }

  private async readOffset(): Promise<number> {
    return (await readRedisClock(this.redis, this.config.keyPrefix)) - performance.now();
  }
}
