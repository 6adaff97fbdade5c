import { Injectable } from '@nestjs/common';
import { ApiConfig } from '#shared/config/api-config';
import type { RateWindow, WindowCount } from '#shared/redis/rate-window';
import { RecordKeys } from '#shared/redis/record-keys';
import { ProblemError } from '../../http/problem-error';

const WINDOW_SECONDS = 60;

/** `RateLimit` and `RateLimit-Policy`, as draft-ietf-httpapi-ratelimit-headers has them. */
export type RateLimitHeaders = Record<'RateLimit' | 'RateLimit-Policy', string>;

/** A window with the name that callers know it by. */
interface NamedWindow extends RateWindow {
  name: 'submissions' | 'polls' | 'requests';
}

/** Says how often may be asked, and what a count means for whoever was counted. */
@Injectable()
export class RequestLimiter {
  private readonly keys: RecordKeys;

  constructor(private readonly config: ApiConfig) {
    this.keys = new RecordKeys(config.keyPrefix);
  }

  submissionsOf(caller: string): NamedWindow {
    return this.toWindow('submissions', this.config.submissionsPerMinute, [caller]);
  }

  /** Of each caller apart: whoever asks for another's query spends nothing of its owner's. */
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
