import { Controller, Get, Header, Inject } from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import type { RedisClient } from '#shared/redis/redis-client';
import { ApiConfig } from '#shared/config/api-config';
import { RedisHealth, type RedisProblem } from '#shared/redis/redis-health';
import { REDIS } from '../../queue/redis.token';
import { AUTHENTICATOR, type Authenticator } from '../../auth/authenticator';
import { LiveOperation, ReadyOperation } from '../../openapi/health-operations';
import { ProblemError } from '../../http/problem-error';

/** Probes need no credential; the answers contain nothing about callers. */
const OPEN = { isOpen: true };

function toDetail(problem: RedisProblem): string {
  switch (problem.kind) {
    case 'unreachable':
      return 'The store of queries is unreachable.';
    case 'refused':
      return `The store of queries refuses commands; refused: ${problem.code}.`;
    case 'unfit':
      return 'The store of queries lacks something that this service needs; the log says what.';
    case 'evicting':
      return 'The store of queries is set to evict what it holds.';
    case 'untold':
      return 'The store of queries does not tell whether it evicts what it holds; see ASSUME_NOEVICTION.';
  }
}

/** For the platform's probes. */
@Controller('health')
export class HealthController {
  private readonly store: RedisHealth;

  constructor(
    @Inject(REDIS) redis: RedisClient,
    @Inject(AUTHENTICATOR) private readonly authenticator: Authenticator,
    config: ApiConfig,
  ) {
    this.store = new RedisHealth(redis, config);
  }

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
    const problem = await this.store.findProblem();
    return problem && toDetail(problem);
  }
}
