import { randomBytes, randomUUID } from 'node:crypto';
import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import PgBoss from 'pg-boss';
import { countDays } from '#shared/contract/calendar-day';
import { noProgress, type QueryState } from '#shared/contract/query-document';
import { QUERY_ATTEMPTS, QUERY_JOB, QUERY_QUEUE } from '#shared/contract/query-job';
import type { QueryRequest } from '#shared/contract/query-request';
import { QueryStatus } from '#shared/contract/query-status';

/** What a peer needs of its queue. */
export interface JobStore {
  add(request: QueryRequest): Promise<QueryState>;
  /** Undefined when it is unknown. */
  read(id: string): Promise<QueryState | undefined>;
}

interface JobData {
  caller: string;
  request: QueryRequest;
}

const CALLER = 'anonymous';

/** As one would do it with BullMQ alone: `add`, and `getJob` without asking for the job's state, which is slower. */
export function createBullStore(redisUrl: string, prefix: string): JobStore {
  const queue = new Queue<JobData>(QUERY_QUEUE, { connection: new Redis(redisUrl), prefix });
  return {
    async add(request) {
      const id = randomBytes(16).toString('hex');
      const job = await queue.add(
        QUERY_JOB,
        { caller: CALLER, request },
        { jobId: id, attempts: QUERY_ATTEMPTS, backoff: { type: 'exponential', delay: 1_000 } },
      );
      return toState(id, job.data, job.timestamp, null);
    },
    async read(id) {
      const job = await queue.getJob(id);
      return job && toState(id, job.data, job.timestamp, job.processedOn ?? null);
    },
  };
}

/** The same on PostgreSQL; an id has to be a UUID there. */
export async function createPgBossStore(connectionString: string): Promise<JobStore> {
  const boss = new PgBoss({ connectionString, schedule: false });
  boss.on('error', (error) => console.error(error));
  await boss.start();
  await boss.createQueue(QUERY_QUEUE);
  return {
    async add(request) {
      const id = randomUUID();
      const data = { caller: CALLER, request };
      await boss.send(QUERY_QUEUE, data, { id, retryLimit: QUERY_ATTEMPTS - 1, retryBackoff: true, retryDelay: 1 });
      return toState(id, data, Date.now(), null);
    },
    async read(id) {
      const job = await boss.getJobById<JobData>(QUERY_QUEUE, id);
      return job === null ? undefined : toState(id, job.data, job.createdOn.getTime(), toTime(job.startedOn));
    },
  };
}

function toTime(date: Date | null | undefined): number | null {
  return date?.getTime() ?? null;
}

function toState(id: string, { caller, request }: JobData, createdAt: number, startedAt: number | null): QueryState {
  return {
    id,
    status: startedAt === null ? QueryStatus.Pending : QueryStatus.Running,
    caller,
    request,
    createdAt,
    startedAt,
    finishedAt: null,
    expiresAt: null,
    progress: noProgress(countDays(request.start, request.end)),
    result: null,
    error: null,
  };
}
