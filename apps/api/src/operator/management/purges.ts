import { Inject, Injectable } from '@nestjs/common';
import { ApiConfig } from '#shared/config/api-config';
import { readPurgeProgress } from '#shared/contract/purge-job';
import { isQueryId } from '#shared/contract/query-id';
import { QueryStatus } from '#shared/contract/query-status';
import { type RedisClient, readRedisClock } from '#shared/redis/redis-client';
import { ProblemError } from '../../http/problem-error';
import { type PurgeJob, PurgeQueue } from '../../queue/purge-queue';
import { reachRedis } from '../../queue/reach-redis';
import { REDIS } from '../../queue/redis.token';
import type { PurgeRequest } from './management-requests';

export type PurgeDocument = ReturnType<typeof toPurgeDocument>;

/** Purges of many queries, which a worker does in the background. Throws SERVICE_UNAVAILABLE as `reachRedis` does. */
@Injectable()
export class Purges {
  constructor(
    private readonly queue: PurgeQueue,
    @Inject(REDIS) private readonly redis: RedisClient,
    private readonly config: ApiConfig,
  ) {}

  begin({ status, createdBefore }: PurgeRequest, operator: string): Promise<PurgeDocument> {
    return reachRedis(this.redis, async () => {
      const before = createdBefore?.getTime() ?? (await readRedisClock(this.redis, this.config.keyPrefix));
      const chosen = status === undefined ? {} : { status };
      return this.find(await this.queue.add({ ...chosen, createdBefore: before, operator }));
    });
  }

  /** @throws ProblemError PURGE_NOT_FOUND */
  read(id: string): Promise<PurgeDocument> {
    return reachRedis(this.redis, () => this.find(id));
  }

  private async find(id: string): Promise<PurgeDocument> {
    const job = isQueryId(id) ? await this.queue.read(id) : undefined;
    if (job === undefined) throw new ProblemError('PURGE_NOT_FOUND');
    return toPurgeDocument(id, job);
  }
}

function toPurgeDocument(id: string, job: PurgeJob) {
  const { looked, purged } = readPurgeProgress(job.progress);
  const { status = null, createdBefore } = job.data;
  return {
    id,
    status: toStatus(job),
    request: { status, createdBefore: new Date(createdBefore).toISOString() },
    createdAt: new Date(job.timestamp).toISOString(),
    finishedAt: job.finishedOn === undefined ? null : new Date(job.finishedOn).toISOString(),
    progress: { looked, purged },
    links: { self: `/operator/purges/${id}` },
  };
}

/** By the fields of the job, as with queries: BullMQ's own states are never asked for. */
function toStatus({ finishedOn, failedReason, processedOn }: PurgeJob): Exclude<QueryStatus, 'Terminated'> {
  if (finishedOn !== undefined) return failedReason ? QueryStatus.Failed : QueryStatus.Completed;
  return processedOn === undefined ? QueryStatus.Pending : QueryStatus.Running;
}
