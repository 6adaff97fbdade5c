import { type RedisClient, RedisScript } from './redis-client';
import { LONGEST_LIFE_MS } from './query-index';
import type { RecordKeys } from './record-keys';
import type { QueryProgress } from '../contract/query-document';
import { readRecord } from './unreadable-record';

/** Whether a run may continue: `ended` when the query has an outcome, `lost` when the run has lost its lock or its job. */
export type RunVerdict = 'go on' | 'ended' | 'lost';

const VERDICT = `
local progress = redis.call('HGET', KEYS[1], 'progress') or ''
local isMarked = string.find(progress, '"ended":true', 1, true)
local hasOutcome = redis.call('EXISTS', KEYS[2]) == 1
-- A job that was added after the outcome was written would be a query again once that has expired.
local isBegun = string.find(progress, '"startedAt"', 1, true)
if hasOutcome and not isMarked and not isBegun and redis.call('EXISTS', KEYS[1]) == 1 then
  redis.pcall('HSET', KEYS[1], 'progress', '{"ended":true}')
end
if hasOutcome or isMarked then return { 'ended' } end
if redis.call('EXISTS', KEYS[1]) == 0 or redis.call('GET', KEYS[3]) ~= ARGV[1] then return { 'lost' } end`;

/** How often a run reports its progress and checks whether it may continue: a terminated query stops within this. */
const REPORT_EVERY_MS = 1_000;

/** This many lost workers in a row make a query a suspect. */
const SUSPECT_FROM = 2;

/** A query may lose this many in a row and still complete. One more, the ninth while it runs alone, ends it as given up. */
const MOST_LOST_WORKERS = 10;

/**
 * The verdict on a query by the number of workers that it has lost in a row. A suspect may have crashed them, or may have
 * run beside a query that did: it runs alone. A query that is given up does not run again.
 */
export type RunTrust = 'trusted' | 'suspect' | 'given up';

/**
 * KEYS job, outcome, lock of the job, pending queries, running queries; ARGV token, channel of changes, id,
 *   1 for a run that is alone in its worker, else 0
 * `unprovenRun` is the token of the present run while it has stored nothing; `lostWorkers` counts such runs, in a row, that
 * neither ended nor released the query. While Redis is full they are not counted, and queries continue.
 */
type BeginReply = [RunVerdict, progress: string, now: string, lostWorkers: number, ranMs: string | null];
const BEGIN = new RedisScript<BeginReply>(`${VERDICT}
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
if not string.find(progress, '"startedAt"', 1, true) then
  progress = '{"startedAt":' .. now .. '}'
  redis.call('HSET', KEYS[1], 'progress', progress)
  redis.call('ZREM', KEYS[4], ARGV[3])
  redis.call('ZADD', KEYS[5], now, ARGV[3])
  redis.call('PEXPIRE', KEYS[5], ${LONGEST_LIFE_MS})
  redis.call('PUBLISH', ARGV[2], ARGV[3])
end
local unproven = redis.call('HGET', KEYS[1], 'unprovenRun')
local lost = tonumber(redis.call('HGET', KEYS[1], 'lostWorkers') or 0)
if unproven and unproven ~= ARGV[1] then
  lost = lost + 1
  redis.call('HDEL', KEYS[1], 'unprovenRun')
  redis.pcall('HSET', KEYS[1], 'lostWorkers', lost)
end
if lost < ${SUSPECT_FROM} or ARGV[4] == '1' then redis.pcall('HSET', KEYS[1], 'unprovenRun', ARGV[1]) end
return { 'go on', progress, now, lost, redis.call('HGET', KEYS[1], 'ranMs') }`);

/**
 * KEYS job, outcome, lock of the job; ARGV token, channel of changes, id, progress, 1 when the run has stored something, else
 * 0, lock duration in ms, duration of all runs of the query in ms. BullMQ renews the lock at half of its time, but not while
 * Redis is full, nor for a second run of a query in the process of the first: then this script renews it.
 */
const REPORT = new RedisScript<[RunVerdict]>(`${VERDICT}
if redis.call('PTTL', KEYS[3]) < ARGV[6] / 2 then redis.call('PEXPIRE', KEYS[3], ARGV[6]) end
if ARGV[5] == '1' then redis.call('HDEL', KEYS[1], 'unprovenRun', 'lostWorkers') end
redis.pcall('HSET', KEYS[1], 'ranMs', ARGV[7])
if redis.call('HGET', KEYS[1], 'progress') ~= ARGV[4] then
  redis.call('HSET', KEYS[1], 'progress', ARGV[4])
  redis.call('PUBLISH', ARGV[2], ARGV[3])
end
return { 'go on' }`);

/** KEYS job; ARGV token. The mark of another run stays. */
const GIVE_BACK = new RedisScript<void>(`
if redis.call('HGET', KEYS[1], 'unprovenRun') == ARGV[1] then redis.call('HDEL', KEYS[1], 'unprovenRun') end`);

export interface RunStart {
  verdict: RunVerdict;
  /** Workers lost in a row without storing anything new. */
  lostWorkers: number;
  trust: RunTrust;
  /** As earlier runs left it. */
  progress: JobProgress;
  /** By Redis' clock, in milliseconds since 1970. */
  now: number;
  /** Duration of earlier runs in milliseconds, to the precision of a report, without the time that they waited to run alone. */
  ranMs: number;
}

/** What a run reports beside its progress. */
export interface RunReport {
  /**
   * Whether the run has stored work that no later run repeats: this resets the count of lost workers.
   */
  isProven: boolean;
  /** Including earlier runs. */
  ranMs: number;
}

/** The job as a run sees it: the run reports its progress here, and reads whether it may continue. */
export class QueryRuns {
  /** Often enough to renew the lock. */
  readonly reportEveryMs: number;

  constructor(
    private readonly redis: RedisClient,
    private readonly keys: RecordKeys,
    private readonly lockMs: number,
  ) {
    this.reportEveryMs = Math.min(REPORT_EVERY_MS, lockMs / 4);
  }

  /**
   * Makes a query Running, for good. From then on the loss of its worker counts; for a suspect, from the call with `isAlone`.
   */
  async begin(id: string, token: string, isAlone = false): Promise<RunStart> {
    const keys = [...this.keysOf(id), this.keys.queriesOf('Pending'), this.keys.queriesOf('Running')];
    const args = [token, this.keys.changes, id, isAlone ? 1 : 0];
    const [verdict, progress, now, lostWorkers, ranMs] = await BEGIN.run(this.redis, keys, args);
    const trust = toTrust(lostWorkers);
    const made = readJobProgress(progress, this.keys.job(id));
    return { verdict, lostWorkers, trust, progress: made, now: Number(now), ranMs: Number(ranMs) };
  }

  /** Call when a run ends without an outcome and another one shall continue: its worker does not count as lost. */
  async giveBack(id: string, token: string): Promise<void> {
    await GIVE_BACK.run(this.redis, [this.keys.job(id)], [token]);
  }

  /** Stores the progress of the run and renews its lock, unless the verdict is to stop. */
  async report(id: string, token: string, progress: JobProgress, { isProven, ranMs }: RunReport): Promise<RunVerdict> {
    const [verdict] = await REPORT.run(this.redis, this.keysOf(id), [
      token,
      this.keys.changes,
      id,
      JSON.stringify(progress),
      isProven ? 1 : 0,
      this.lockMs,
      Math.round(ranMs),
    ]);
    return verdict;
  }

  private keysOf(id: string): string[] {
    return [this.keys.job(id), this.keys.outcome(id), this.keys.jobLock(id)];
  }
}

function toTrust(lostWorkers: number): RunTrust {
  if (lostWorkers > MOST_LOST_WORKERS) return 'given up';
  return lostWorkers >= SUSPECT_FROM ? 'suspect' : 'trusted';
}

/** The member `progress` of BullMQ's job hash. */
export interface JobProgress extends Partial<QueryProgress> {
  /** When a worker first began the query: milliseconds since 1970 by Redis' clock. Its presence means Running. */
  startedAt?: number;
  /** The outcome was written. Set without an outcome: the outcome has expired. */
  ended?: true;
}

/**
 * Reads the member of the job hash; BullMQ writes `0` for a job without progress. Unreadable progress counts as none: it
 * decides nothing, and the next report replaces it.
 */
export function readJobProgress(text: string | null | undefined, key: string): JobProgress {
  const value = text ? readRecord(key, text, (json) => JSON.parse(json) as unknown) : undefined;
  return typeof value === 'object' && value !== null ? value : {};
}

/** The worker that holds a job, and since when by the worker's own clock: milliseconds since 1970. */
export interface JobHolder {
  worker: string;
  since: number;
}

/** Which worker holds which job, by BullMQ's records: a worker takes a job under its name. */
export class JobHolders {
  constructor(
    private readonly redis: RedisClient,
    private readonly keys: RecordKeys,
  ) {}

  /**
   * Undefined when no worker holds the job: it waits, or has ended. A lost worker holds its job until BullMQ notices.
   */
  async read(id: string): Promise<JobHolder | undefined> {
    // The active list is short: it has the running queries alone.
    const active = this.redis.lpos(`${this.keys.queue}:active`, id);
    const [position, fields] = await Promise.all([active, this.redis.hmget(this.keys.job(id), 'pb', 'processedOn')]);
    const [worker, since] = fields;
    return position === null || !worker ? undefined : { worker, since: Number(since) };
  }
}
