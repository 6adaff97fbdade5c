import type { Redis } from 'ioredis';
import { countDays } from '../contract/calendar-day';
import { noProgress, type QueryState } from '../contract/query-document';
import type { QueryJobPayload } from '../contract/query-job';
import { QueryStatus } from '../contract/query-status';
import { readJobProgress } from './job-progress';
import { type Outcomes, parseOutcome, toEndedFacts } from './outcomes';
import type { RecordKeys } from './record-keys';
import { runPipeline } from './run-pipeline';

type JobFields = [data: string | null, timestamp: string | null, progress: string | null, finishedOn: string | null];

/**
 * Where the status of a query is decided.
 *
 * | status | entered when | left by |
 * |---|---|---|
 * | Pending | the job is in Redis | a worker begins it, or an outcome |
 * | Running | a worker began it for the first time | an outcome |
 * | Completed, Failed, Terminated | the outcome says so | nothing; expires as a whole |
 *
 * The outcome rule: what the outcome says, if there is one, else what the job says. Retries, stalls, lost
 * workers and deploys are all still Running. BullMQ's own job states are never asked for: finding one walks
 * the whole backlog.
 */
export class QueryStates {
  constructor(
    private readonly redis: Redis,
    private readonly keys: RecordKeys,
    private readonly outcomes: Outcomes,
  ) {}

  /** The query with this id, in one round trip; undefined when it is unknown or has expired. */
  async read(id: string): Promise<QueryState | undefined> {
    const [state] = await this.readMany([id]);
    return state;
  }

  /** The same for many, in one round trip too. */
  async readMany(ids: readonly string[]): Promise<(QueryState | undefined)[]> {
    const pipeline = this.redis.pipeline();
    for (const id of ids) {
      pipeline
        .hmget(this.keys.job(id), 'data', 'timestamp', 'progress', 'finishedOn')
        // After the job: an outcome that is written in between is then seen, and not taken for one that has expired.
        .get(this.keys.outcome(id));
    }
    const replies = await runPipeline<unknown>(pipeline);
    return Promise.all(
      ids.map(async (id, i) => {
        const outcome = replies[i * 2 + 1] as string | null;
        if (outcome !== null) return { id, ...parseOutcome(outcome) };
        return this.fromJob(id, replies[i * 2] as JobFields);
      }),
    );
  }

  private async fromJob(
    id: string,
    [data, timestamp, progress, finishedOn]: JobFields,
  ): Promise<QueryState | undefined> {
    if (data === null) return undefined;
    const { caller, request } = JSON.parse(data) as QueryJobPayload;
    const { startedAt = null, ended, ...made } = readJobProgress(progress);
    if (ended) return undefined;
    const state = {
      caller,
      request,
      createdAt: Number(timestamp),
      startedAt,
      // A payload of another version may have no range that could be understood here.
      progress: { ...noProgress(countDays(request?.start, request?.end) || 0), ...made },
      result: null,
      error: null,
    };
    if (finishedOn !== null) return this.fail(id, state);
    const status = startedAt === null ? QueryStatus.Pending : QueryStatus.Running;
    return { id, status, ...state, finishedAt: null, expiresAt: null };
  }

  /** BullMQ ended the job without a run that could speak for it: whoever notices first writes the outcome. */
  private async fail(
    id: string,
    state: Omit<QueryState, 'id' | 'status' | 'finishedAt' | 'expiresAt'>,
  ): Promise<QueryState | undefined> {
    const { outcome } = await this.outcomes.publish(id, toEndedFacts(state, QueryStatus.Failed, 'WORKER_LOST'));
    return outcome && { id, ...outcome };
  }
}
