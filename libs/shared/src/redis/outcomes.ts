import { type RedisClient, RedisScript } from './redis-client';
import { describeError, type FailureCode, FAILURE_CODES } from '../contract/error-codes';
import { type QueryOutcome, type QueryState, type QueryResult, toKnownProgress } from '../contract/query-document';
import type { Terminator } from '../contract/query-history';
import { QueryStatus, isTerminal } from '../contract/query-status';
import { LEAVE_WAIT, STANDING } from './query-index';
import type { RecordKeys } from './record-keys';
import { parseRecord } from './unreadable-record';
import { countDays } from '../contract/calendar-day';

/**
 * KEYS outcome, job, lock of the job, live queries of the caller, counts of queries that have ended, events of the
 *   history, count of those dropped, pending queries, running queries, queries that have ended with this status, list of
 *   waiting jobs
 * ARGV facts (a JSON object without the times), time to live in ms, token ('' for none), final progress,
 *   channel of changes, id, status and code as they are counted, event of the history ('' for none; without its time),
 *   when the query to end was created ('' where a token identifies it)
 * A full Redis refuses a script whose first write takes memory, and runs it to its end after a first write that takes none:
 * so the end of a query, which frees more than it takes, begins with what it frees. A terminating request may have read
 * the query just before a worker began it.
 */
const PUBLISH = new RedisScript<[written: 0 | 1, outcome: string | null]>(`${STANDING}${LEAVE_WAIT}
if ARGV[3] ~= '' and redis.call('GET', KEYS[3]) ~= ARGV[3] then
  return { 0, redis.call('GET', KEYS[1]) }
end
if ARGV[9] ~= '' then
  -- Since the read, the query may have been purged, and another one submitted under its id.
  local is = standing(KEYS[2], KEYS[1])
  local isAnother = tonumber(redis.call('HGET', KEYS[2], 'timestamp')) ~= tonumber(ARGV[9])
  if is == 'none' or is == 'expired' or is ~= 'ended' and isAnother then return { 0, false } end
end
redis.call('ZREM', KEYS[4], ARGV[6])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local times = string.format('"finishedAt":%.0f,"expiresAt":%.0f,', now, now + ARGV[2])
local facts = string.sub(ARGV[1], 2)
local made = redis.call('HGET', KEYS[2], 'progress') or ''
local begun = string.match(made, '"startedAt":%d+')
if begun then facts = string.gsub(facts, '"startedAt":null', begun, 1) end
-- A run has reported progress since the read: the progress that callers have seen must not decrease.
if ARGV[9] ~= '' and begun and pcall(cjson.decode, made) then
  local latest = '"progress":' .. string.gsub(made, '"etaSeconds":[%d%.]+', '"etaSeconds":null')
  facts = string.gsub(facts, '"progress":%b{}', function() return latest end, 1)
end
local outcome = '{' .. times .. facts
if not redis.call('SET', KEYS[1], outcome, 'PX', ARGV[2], 'NX') then
  return { 0, redis.call('GET', KEYS[1]) }
end
if redis.call('EXISTS', KEYS[2]) == 1 then
  redis.call('HSET', KEYS[2], 'progress', ARGV[4])
end
redis.call('HINCRBY', KEYS[5], ARGV[7], 1)
for i = 8, 9 do redis.call('ZREM', KEYS[i], ARGV[6]) end
redis.call('ZREMRANGEBYSCORE', KEYS[10], '-inf', now)
redis.call('ZADD', KEYS[10], now + ARGV[2], ARGV[6])
if ARGV[8] ~= '' then redis.call('RPUSH', KEYS[6], string.format('{"at":%.0f,', now) .. string.sub(ARGV[8], 2)) end
for _, i in ipairs({ 6, 7, 10 }) do redis.call('PEXPIRE', KEYS[i], ARGV[2]) end
if ARGV[9] ~= '' then leaveWait(KEYS[11], KEYS[2], KEYS[1], ARGV[6]) end
redis.call('PUBLISH', ARGV[5], ARGV[6] .. ' ' .. outcome)
return { 1, outcome }`);

/** An outcome without the times, which Redis adds. */
export type OutcomeFacts = Omit<QueryOutcome, 'finishedAt' | 'expiresAt'>;

export interface Publication {
  /** Whether this call wrote the outcome. */
  written: boolean;
  /** The stored outcome; undefined when none was written, because the lock is lost or the query is gone. */
  outcome: QueryOutcome | undefined;
}

/**
 * The terminal facts of queries. The first write of a query's outcome decides it; later ones change nothing. Redis expires it.
 */
export class Outcomes {
  constructor(
    private readonly redis: RedisClient,
    private readonly keys: RecordKeys,
    private readonly ttlSeconds: number,
  ) {}

  /**
   * Writes the outcome unless the query has one.
   *
   * @param token BullMQ's token of the run: when its lock is lost, nothing is written.
   */
  publish(id: string, facts: OutcomeFacts, token = ''): Promise<Publication> {
    return this.write(id, facts, { token });
  }

  /**
   * Ends a query as WORKER_LOST whose job BullMQ ended by itself. Undefined when the query is gone.
   *
   * @param state As the caller has just read it.
   */
  async giveUp(state: Omit<QueryState, 'status' | 'finishedAt' | 'expiresAt'>): Promise<QueryOutcome | undefined> {
    const facts = toEndedFacts(state, QueryStatus.Failed, 'WORKER_LOST');
    return (await this.write(state.id, facts, { createdAt: state.createdAt })).outcome;
  }

  /**
   * Ends the query for a caller or an operator, which needs no lock. In the same step its history records who it was, and
   * its job leaves the queue. The outcome is undefined when the query is gone.
   */
  terminate(state: QueryState, by: Terminator): Promise<Publication> {
    const facts = toEndedFacts(state, QueryStatus.Terminated, 'QUERY_TERMINATED');
    const event = JSON.stringify({ kind: 'terminated', ...by });
    return this.write(state.id, facts, { event, createdAt: state.createdAt });
  }

  private async write(
    id: string,
    facts: OutcomeFacts,
    { token = '', event = '', createdAt }: { token?: string; event?: string; createdAt?: number },
  ): Promise<Publication> {
    const progress = JSON.stringify({ ...facts.progress, startedAt: facts.startedAt ?? undefined, ended: true });
    const { events, dropped } = this.keys.history(id);
    const records = [this.keys.outcome(id), this.keys.job(id), this.keys.jobLock(id)];
    const statuses = ([QueryStatus.Pending, QueryStatus.Running, facts.status] as const).map((status) =>
      this.keys.queriesOf(status),
    );
    const [written, outcome] = await PUBLISH.run(
      this.redis,
      [
        ...records,
        this.keys.liveQueries(facts.caller),
        this.keys.endedCounts,
        ...[events, dropped, ...statuses, `${this.keys.queue}:wait`],
      ],
      [
        JSON.stringify(facts),
        this.ttlSeconds * 1_000,
        token,
        progress,
        this.keys.changes,
        id,
        `${facts.status}:${facts.error?.code ?? ''}`,
        event,
        createdAt ?? '',
      ],
    );
    return {
      written: written === 1,
      outcome: outcome === null ? undefined : parseRecord(this.keys.outcome(id), outcome, parseOutcome),
    };
  }
}

/** Returns the facts of a query that ends without a result. */
export function toEndedFacts(
  state: Omit<OutcomeFacts, 'status' | 'error' | 'result'>,
  status: 'Failed' | 'Terminated',
  code: FailureCode,
): OutcomeFacts {
  const { caller, request, createdAt, startedAt } = state;
  const progress = { ...state.progress, etaSeconds: null };
  const error = { code, message: describeError(code) };
  return { status, caller, request, createdAt, startedAt, progress, result: null, error };
}

/**
 * Parses an outcome, which a process of another version may have written: members that this version does not know are
 * dropped, and an unknown code becomes QUERY_FAILED.
 *
 * @throws SyntaxError, TypeError or RangeError when the text is no outcome.
 */
export function parseOutcome(text: string): QueryOutcome {
  const { status, caller, request, createdAt, finishedAt, expiresAt, ...written } = JSON.parse(text) as QueryOutcome;
  const { startedAt = null, progress, result, error } = written as Partial<typeof written>;
  if (!isTerminal(status) || typeof caller !== 'string') throw new TypeError('not an outcome');
  // Documents show these as dates: an invalid one throws here.
  for (const time of [createdAt, finishedAt, expiresAt, startedAt ?? 0]) new Date(time).toISOString();
  return {
    ...{ status, caller, request, createdAt, startedAt, finishedAt, expiresAt },
    progress: toKnownProgress(countDays(request.start, request.end) || 0, progress ?? {}),
    result: result ? toKnownResult(result) : null,
    error: error ? toKnownFailure(error) : null,
  };
}

function toKnownResult(result: QueryResult): QueryResult {
  const { count, entitiesRead, entitiesWithoutIdentifier, daysScanned, daysReused, oldestScanAt } = result;
  return { count, entitiesRead, entitiesWithoutIdentifier, daysScanned, daysReused, oldestScanAt };
}

function toKnownFailure({ code, message }: NonNullable<QueryOutcome['error']>): QueryOutcome['error'] {
  if (FAILURE_CODES.includes(code)) return { code, message };
  return { code: 'QUERY_FAILED', message: describeError('QUERY_FAILED') };
}
