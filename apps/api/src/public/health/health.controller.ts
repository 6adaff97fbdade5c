import { Controller, Get, Header, Inject } from '@nestjs/common';
import type { Redis } from 'ioredis';
import { findRedisProblem } from '#shared/redis/redis-health';
import { REDIS } from '../../queue/redis.token';
import { LiveOperation, ReadyOperation } from '../docs/health-operations';
import { ProblemError } from '../../errors/problem-error';

/** For the platform's probes. */
@Controller('health')
export class HealthController {
  constructor(@Inject(REDIS) private readonly redis: Redis) {}

  /** Answered as long as the event loop turns. */
  @Get('live')
  @LiveOperation()
  @Header('Cache-Control', 'no-store')
  live(): { status: 'ok' } {
    return { status: 'ok' };
  }

  /** Whether queries can be taken: the store is there and never drops what it holds. */
  @Get('ready')
  @ReadyOperation()
  @Header('Cache-Control', 'no-store')
  async ready(): Promise<{ status: 'ok' }> {
    const problem = await findRedisProblem(this.redis);
    if (problem === undefined) return { status: 'ok' };
    const detail = `The store of queries is ${problem === 'evicting' ? 'set to evict what it holds' : problem}.`;
    throw new ProblemError('NOT_READY', { detail, headers: { 'Retry-After': '5' } });
  }
}
