import { type RedisClient, RedisScript, readRedisClock } from './redis-client';
import { countDays } from '../contract/calendar-day';
import { type QueryState, toKnownProgress } from '../contract/query-document';
import type { QueryJobPayload } from '../contract/query-job';
import { QueryStatus } from '../contract/query-status';
import { readJobProgress } from './query-runs';
import { type Outcomes, parseOutcome } from './outcomes';
import { type RateWindow, TAKE, type WindowCount } from './rate-window';
import type { RecordKeys } from './record-keys';
import { parseRecord, RecordUnreadableError } from './unreadable-record';
import { forgetGone, QUEUED_WITHIN_MS } from './query-index';

type JobFields = [data: string | null, timestamp: string | null, progress: string | null, finishedOn: string | null];

const JOB_FIELDS = ['data', 'timestamp', 'progress', 'finishedOn'] as const;

/** KEYS window, job, outcome; ARGV length of the window in ms, limit. Beyond the limit the script reads nothing. */
const POLL = new RedisScript<[taken: number, msLeft: number, job?: JobFields, outcome?: string | null]>(`${TAKE}
local taken, msLeft = take(KEYS[1], ARGV[1])
if taken > tonumber(ARGV[2]) then return { taken, msLeft } end
local job = redis.call('HMGET', KEYS[2], '${JOB_FIELDS.join("', '")}')
return { taken, msLeft, job, redis.call('GET', KEYS[3]) }`);

/**
 * Where the status of a query is decided.
 *
 * | status | entered when | left by |
 * |---|---|---|
 * | Pending | the job is in Redis | a worker begins it, or an outcome |
 * | Running | a worker began it for the first time | an outcome |
 * | Completed, Failed, Terminated | the outcome says so | nothing; expires as a whole |
 *
 * The outcome rule: the outcome decides if there is one, else the job. A query stays Running through retries, stalls, lost
 * workers and deployments. Never ask BullMQ for a job's state: it walks the whole backlog.
 */
export class QueryStates {
  constructor(
    private readonly redis: RedisClient,
    private readonly keys: RecordKeys,
    private readonly outcomes: Outcomes,
  ) {}

  /**
   * Returns the query with this id, in one round trip; undefined when it is unknown or has expired. Writes the outcome of a
   * query whose job BullMQ ended by itself.
   *
   * @throws RecordUnreadableError when a record does not parse: its status is unknown.
   */
  async decide(id: string): Promise<QueryState | undefined> {
    // Two commands sent together: ioredis' pipeline costs more than the rest of a status request.
    const job = this.redis.hmget(this.keys.job(id), ...JOB_FIELDS);
    // The outcome after the job: one that is written in between is then seen, and not taken for expired.
    const [fields, outcome] = await Promise.all([job, this.redis.get(this.keys.outcome(id))]);
    return this.toState(id, fields as JobFields, outcome);
  }

  /** The same, and counts the request; the state is also undefined when the window is exhausted. */
  async poll(id: string, window: RateWindow): Promise<{ count: WindowCount; state: QueryState | undefined }> {
    const keys = [window.key, this.keys.job(id), this.keys.outcome(id)];
    const [taken, msLeft, job, outcome = null] = await POLL.run(this.redis, keys, [window.windowMs, window.limit]);
    return { count: { taken, msLeft }, state: job && (await this.toState(id, job, outcome)) };
  }

  /** The same for many, in one round trip; undefined also for a query whose records do not parse. */
  decideMany(ids: readonly string[]): Promise<(QueryState | undefined)[]> {
    return Promise.all(
      ids.map((id) =>
        this.decide(id).catch((error: unknown) => {
          if (error instanceof RecordUnreadableError) return undefined;
          throw error;
        }),
      ),
    );
  }

  private async toState(
    id: string,
    [data, timestamp, progress, finishedOn]: JobFields,
    outcome: string | null,
  ): Promise<QueryState | undefined> {
    if (outcome !== null) return { id, ...parseRecord(this.keys.outcome(id), outcome, parseOutcome) };
    if (data === null) return undefined;
    const payload = parseRecord(this.keys.job(id), data, (text) => JSON.parse(text) as Partial<QueryJobPayload> | null);
    const { caller, request } = payload ?? {};
    // A job that this service did not add: there is no query to show.
    if (caller === undefined || request === undefined) return undefined;
    const { startedAt = null, ended, ...made } = readJobProgress(progress, this.keys.job(id));
    if (ended) return undefined;
    const state = {
      caller,
      request,
      createdAt: Number(timestamp),
      startedAt,
      // The payload of another version may have no range that this one understands.
      progress: toKnownProgress(countDays(request.start, request.end) || 0, made),
      result: null,
      error: null,
    };
    if (finishedOn !== null) {
      // BullMQ ended the job and no run wrote the outcome: the first reader writes it.
      const written = await this.outcomes.giveUp({ id, ...state });
      return written && { id, ...written };
    }
    const status = startedAt === null ? QueryStatus.Pending : QueryStatus.Running;
    return { id, status, ...state, finishedAt: null, expiresAt: null };
  }
}

const STATUSES = Object.values(QueryStatus);
const LIVE = [QueryStatus.Pending, QueryStatus.Running] as const;

/** How many entries of each live status are checked at a time; false ones are removed, so that the next ones follow. */
const LOOKED_AT = 20;

/** KEYS the queries of each status, live ones first; ARGV how many of the statuses are live. Skips expired queries. */
const COUNT = new RedisScript<number[]>(`
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
local counts = {}
for i, key in ipairs(KEYS) do
  counts[i] = i <= tonumber(ARGV[1]) and redis.call('ZCARD', key) or redis.call('ZCOUNT', key, '(' .. now, '+inf')
end
return counts`);

/** How many queries there are of each status. The cost does not depend on their number. */
export class QueryCounts {
  constructor(
    private readonly redis: RedisClient,
    private readonly keys: RecordKeys,
    private readonly states: QueryStates,
  ) {}

  /**
   * Corrects the oldest entries of the live statuses, then counts. A script that changes a status changes its count in the same
   * step; the count stays too high only after a submission that failed half-way, a job that was removed by hand, or one
   * that BullMQ failed by itself. Such entries become the oldest, since all others leave.
   */
  async refresh(): Promise<Record<QueryStatus, number>> {
    await Promise.all(LIVE.map((status) => this.forgetGone(status)));
    const keys = STATUSES.map((status) => this.keys.queriesOf(status));
    const counts = await COUNT.run(this.redis, keys, [LIVE.length]);
    return Object.fromEntries(STATUSES.map((status, i) => [status, counts[i]])) as Record<QueryStatus, number>;
  }

  private async forgetGone(status: (typeof LIVE)[number]): Promise<void> {
    const key = this.keys.queriesOf(status);
    const before = (await readRedisClock(this.redis, key)) - QUEUED_WITHIN_MS;
    const ids = await this.redis.zrangebyscore(key, '-inf', before, 'LIMIT', 0, LOOKED_AT);
    // Writes the outcomes of those whose job BullMQ ended by itself.
    await this.states.decideMany(ids);
    await forgetGone(this.redis, this.keys, [{ key, holds: status }], ids);
  }
}
