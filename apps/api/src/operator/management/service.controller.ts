import { Controller, Get, HttpCode, Inject, Post, Query } from '@nestjs/common';
import { Type } from 'class-transformer';
import { IsIn, IsInt, Max, Min } from 'class-validator';
import type { RedisClient } from '#shared/redis/redis-client';
import { ApiConfig } from '#shared/config/api-config';
import { AuditLog, AuditStream, type AuditRecord } from '#shared/redis/audit-log';
import { readRedisDurability } from '#shared/redis/redis-fitness';
import { WorkerBeats } from '#shared/redis/worker-beats';
import { ParametersPipe } from '../../http/parameters.pipe';
import { QueryQueue } from '../../queue/query-queue';
import { reachRedis } from '../../queue/reach-redis';
import { REDIS } from '../../queue/redis.token';
import {
  GetStateOperation,
  ListAuditOperation,
  ListWorkersOperation,
  ResumeOperation,
  SuspendOperation,
} from '../../openapi/operator-operations';
import type { WorkerSighting } from '#shared/contract/worker-beat';

const MOST_AUDIT_ENTRIES = 1_000;
const STREAM_RULE = `stream must be one of ${Object.values(AuditStream).join(', ')}`;
const COUNT_RULE = `count must be a whole number from 1 to ${MOST_AUDIT_ENTRIES}`;

class AuditRequest {
  @IsIn(Object.values(AuditStream), { message: STREAM_RULE })
  stream: AuditStream = AuditStream.Changes;

  @Type(() => Number)
  @IsInt({ message: COUNT_RULE })
  @Min(1, { message: COUNT_RULE })
  @Max(MOST_AUDIT_ENTRIES, { message: COUNT_RULE })
  count: number = 100;
}

/** What concerns the service as a whole. Throws SERVICE_UNAVAILABLE as `reachRedis` does. */
@Controller('operator')
export class ServiceController {
  constructor(
    private readonly queue: QueryQueue,
    private readonly beats: WorkerBeats,
    private readonly audit: AuditLog,
    @Inject(REDIS) private readonly redis: RedisClient,
    private readonly config: ApiConfig,
  ) {}

  @Post('suspend')
  @HttpCode(200)
  @SuspendOperation()
  suspend(): Promise<object> {
    return reachRedis(this.redis, async () => {
      await this.queue.suspend();
      return this.readState();
    });
  }

  @Post('resume')
  @HttpCode(200)
  @ResumeOperation()
  resume(): Promise<object> {
    return reachRedis(this.redis, async () => {
      await this.queue.resume();
      return this.readState();
    });
  }

  @Get('state')
  @GetStateOperation()
  state(): Promise<object> {
    return reachRedis(this.redis, () => this.readState());
  }

  @Get('workers')
  @ListWorkersOperation()
  workers(): Promise<object> {
    return reachRedis(this.redis, async () => ({ items: (await this.beats.list()).map(toWorkerDocument) }));
  }

  @Get('audit')
  @ListAuditOperation()
  listAudit(@Query(ParametersPipe) { stream, count }: AuditRequest): Promise<object> {
    return reachRedis(this.redis, async () => ({ items: (await this.audit.list(stream, count)).map(toAuditDocument) }));
  }

  private async readState(): Promise<object> {
    const [suspended, queries, workersAlive, durability] = await Promise.all([
      this.queue.isSuspended(),
      this.queue.count(),
      this.beats.countAlive(),
      readRedisDurability(this.redis, this.config.keyPrefix),
    ]);
    return { suspended, queries, workersAlive, durability };
  }
}

/** A worker process and the queries that it runs. */
export function toWorkerDocument({ queries, startedAt, lastBeatAt, ...worker }: WorkerSighting) {
  return {
    ...worker,
    startedAt: toIso(startedAt),
    lastBeatAt: toIso(lastBeatAt),
    queries: queries.map(({ id, since }) => ({ id, since: toIso(since), link: `/operator/queries/${id}` })),
  };
}

/** What an operator has changed or read, or a failed login. */
export function toAuditDocument({ at, ...record }: AuditRecord) {
  return { at: toIso(at), ...record };
}

function toIso(time: number): string {
  return new Date(time).toISOString();
}
