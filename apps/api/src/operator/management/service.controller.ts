import { Controller, Get, HttpCode, Inject, Post, Query } from '@nestjs/common';
import { Type } from 'class-transformer';
import { IsIn, IsInt, Max, Min } from 'class-validator';
import type { RedisClient } from '#shared/redis/redis-client';
import { ApiConfig } from '#shared/config/api-config';
import { AuditLog, AuditStream } from '#shared/redis/audit-log';
import { readRedisDurability } from '#shared/redis/redis-durability';
import { WorkerBeats } from '#shared/redis/worker-beats';
import { parseParameters } from '../../queries/list-request';
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
import { toAuditDocument, toWorkerDocument } from './service-documents';

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
  listAudit(@Query() query: object): Promise<object> {
    const { stream, count } = parseParameters(AuditRequest, query);
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
