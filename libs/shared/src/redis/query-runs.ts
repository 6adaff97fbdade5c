import { type RedisClient, RedisScript } from './redis-client';
import { LONGEST_LIFE_MS } from './query-index';
import type { RecordKeys } from './record-keys';
import type { QueryProgress } from '../contract/query-document';
import { readRecord } from './unreadable-record';

/** Whether a run may go on: `ended` when the query has an outcome, `lost` when its lock or job is not its own any more. */
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

/** How often a run tells its progress, and looks whether it may go on: a terminated query stops within this. */
const REPORT_EVERY_MS = 1_000;

/** So many lost workers in a row make a query a suspect. */
const SUSPECT_FROM = 2;

/** A query may lose so many in a row and be completed all the same. With one more, the ninth while it is alone, it is given up. */
const MOST_LOST_WORKERS = 10;

/**
 * What is thought of a query by the workers that it has lost in a row. A suspect may be what takes them down, or have
 * been in bad company: it is run alone. One that is given up is not run any more.
 */
export type RunTrust = 'trusted' | 'suspect' | 'given up';

/**
 * KEYS job, outcome, lock of the job, pending queries, running queries; ARGV token, channel of changes, id,
 *   1 for a run that is alone in its worker, else 0
 * `unprovenRun` is the token of the run that is under way and has stored nothing yet; `lostWorkers` how many such runs,
 * in a row, neither ended nor gave the query back. A full Redis keeps them from being counted, and no query from going on.
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
 * KEYS as before; ARGV token, channel of changes, id, progress, 1 when the run has stored something, else 0, how long
 * a lock holds, in ms, and how long all runs of the query have taken, in ms. BullMQ renews the lock at half of its time,
 * but not where Redis is full, nor for a second run of a query in the process of the first: then it is renewed here.
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

/** KEYS job; ARGV token. What another run has marked stays. */
const GIVE_BACK = new RedisScript<void>(`
if redis.call('HGET', KEYS[1], 'unprovenRun') == ARGV[1] then redis.call('HDEL', KEYS[1], 'unprovenRun') end`);

export interface RunStart {
  verdict: RunVerdict;
  /** In a row, after each of which nothing more was stored than before. */
  lostWorkers: number;
  trust: RunTrust;
  /** What earlier runs got to. */
  progress: JobProgress;
  /** Redis' clock. */
  now: number;
  /** How long earlier runs took, without what they waited to be alone, in milliseconds; to a heartbeat. */
  ranMs: number;
}

/** What a run tells of itself beside its progress. */
export interface RunReport {
  /**
   * Whether it has stored what no run has to read again: no worker that was lost counts any more, nor would this one.
   */
  isProven: boolean;
  /** With that of earlier runs. */
  ranMs: number;
}

/** A run's side of the job: what it says of itself, and whether it may go on. */
export class QueryRuns {
  /** Often enough for a lock that nobody else renews. */
  readonly reportEveryMs: number;

  constructor(
    private readonly redis: RedisClient,
    private readonly keys: RecordKeys,
    private readonly lockMs: number,
  ) {
    this.reportEveryMs = Math.min(REPORT_EVERY_MS, lockMs / 4);
  }

  /**
   * Makes a taken query Running, for good. From here on the loss of its worker counts; for a suspect only once this is
   * called again for a run that is alone.
   */
  async begin(id: string, token: string, isAlone = false): Promise<RunStart> {
    const keys = [...this.keysOf(id), this.keys.queriesOf('Pending'), this.keys.queriesOf('Running')];
    const args = [token, this.keys.changes, id, isAlone ? 1 : 0];
    const [verdict, progress, now, lostWorkers, ranMs] = await BEGIN.run(this.redis, keys, args);
    const trust = toTrust(lostWorkers);
    const made = readJobProgress(progress, this.keys.job(id));
    return { verdict, lostWorkers, trust, progress: made, now: Number(now), ranMs: Number(ranMs) };
  }

  /** For a run that ends without an outcome, and leaves the query to another one: its worker is not lost. */
  async giveBack(id: string, token: string): Promise<void> {
    await GIVE_BACK.run(this.redis, [this.keys.job(id)], [token]);
  }

  /** Stores how far the run is, and looks whether it may go on; if so, its lock holds on. */
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

/** What the worker keeps in the `progress` of BullMQ's job hash. */
export interface JobProgress extends Partial<QueryProgress> {
  /** When a worker first began the query: milliseconds since 1970 by Redis' clock. Its presence means Running. */
  startedAt?: number;
  /** The outcome was written. Where it is set and there is no outcome, the outcome has expired. */
  ended?: true;
}

/**
 * Reads the member of the job hash; BullMQ writes `0` for a job that has made none. One that cannot be read is none either:
 * it decides nothing, and the next report replaces it.
 */
export function readJobProgress(text: string | null | undefined, key: string): JobProgress {
  const value = text ? readRecord(key, text, (json) => JSON.parse(json) as unknown) : undefined;
  return typeof value === 'object' && value !== null ? value : {};
}

/** The worker that has a job, and since when by the worker's own clock: milliseconds since 1970. */
export interface JobHolder {
  worker: string;
  since: number;
}

/** Who has which job, by BullMQ's own records: a worker takes a job under its name. */
export class JobHolders {
  constructor(
    private readonly redis: RedisClient,
    private readonly keys: RecordKeys,
  ) {}

  /**
   * Undefined when nobody has the job: it waits, or has ended. One whose worker was lost is still with it until BullMQ
   * notices.
   */
  async read(id: string): Promise<JobHolder | undefined> {
    // The active list is as long as there are queries being run at the moment.
    const active = this.redis.lpos(`${this.keys.queue}:active`, id);
    const [position, fields] = await Promise.all([active, this.redis.hmget(this.keys.job(id), 'pb', 'processedOn')]);
    const [worker, since] = fields;
    return position === null || !worker ? undefined : { worker, since: Number(since) };
  }
}
