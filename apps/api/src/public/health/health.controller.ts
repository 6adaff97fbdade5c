import { Controller, Get, Header, Inject } from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import type { RedisClient } from '#shared/redis/redis-client';
import { ApiConfig } from '#shared/config/api-config';
import { findRedisProblem, type RedisProblem } from '#shared/redis/redis-health';
import { REDIS } from '../../queue/redis.token';
import { AUTHENTICATOR, type Authenticator } from '../../auth/authenticator';
import { LiveOperation, ReadyOperation } from '../docs/health-operations';
import { ProblemError } from '../../errors/problem-error';

/** Probes have no credential, and what they are told is about nobody. */
const OPEN = { isOpen: true };

const STORE_PROBLEMS: Record<Extract<RedisProblem, string>, string> = {
  unreachable: 'The store of queries is unreachable.',
  evicting: 'The store of queries is set to evict what it holds.',
  untold: 'The store of queries does not tell whether it evicts what it holds; see ASSUME_NOEVICTION.',
};

/** For the platform's probes. */
@Controller('health')
export class HealthController {
  constructor(
    @Inject(REDIS) private readonly redis: RedisClient,
    @Inject(AUTHENTICATOR) private readonly authenticator: Authenticator,
    private readonly config: ApiConfig,
  ) {}

  /** Answered as long as the event loop turns. */
  @Get('live')
  @LiveOperation()
  @RouteConfig(OPEN)
  @Header('Cache-Control', 'no-store')
  live(): { status: 'ok' } {
    return { status: 'ok' };
  }

  /** Whether queries can be taken: the store is there and never drops what it holds, and callers can be told apart. */
  @Get('ready')
  @ReadyOperation()
  @RouteConfig(OPEN)
  @Header('Cache-Control', 'no-store')
  async ready(): Promise<{ status: 'ok' }> {
    const detail = this.authenticator.problem ?? (await this.findStoreProblem());
    if (detail === undefined) return { status: 'ok' };
    throw new ProblemError('NOT_READY', { detail, headers: { 'Retry-After': '5' } });
  }

  private async findStoreProblem(): Promise<string | undefined> {
    const problem = await findRedisProblem(this.redis, this.config);
    if (problem === undefined || typeof problem === 'string') return problem && STORE_PROBLEMS[problem];
    return 'The store of queries lacks something that this service needs; the log says what.';
  }
}
