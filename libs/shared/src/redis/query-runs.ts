import type { RedisClient } from './redis-client';
import { type JobProgress, readJobProgress } from './job-progress';
import type { RecordKeys } from './record-keys';
import { RedisScript } from './redis-script';

/** Whether a run may go on: `ended` when the query has an outcome, `lost` when its lock or job is not its own any more. */
export type RunVerdict = 'go on' | 'ended' | 'lost';

const VERDICT = `
local progress = redis.call('HGET', KEYS[1], 'progress') or ''
if redis.call('EXISTS', KEYS[2]) == 1 or string.find(progress, '"ended":true', 1, true) then return { 'ended' } end
if redis.call('EXISTS', KEYS[1]) == 0 or redis.call('GET', KEYS[3]) ~= ARGV[1] then return { 'lost' } end`;

/** Longer than any query waits and runs. */
const LONGEST_LIFE_MS = 30 * 86_400_000;

/** KEYS job, outcome, lock of the job, pending queries, running queries; ARGV token, channel of changes, id */
const BEGIN = new RedisScript<[RunVerdict, progress: string, now: string]>(`${VERDICT}
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
return { 'go on', progress, now }`);

/** KEYS as before; ARGV token, channel of changes, id, progress */
const REPORT = new RedisScript<[RunVerdict]>(`${VERDICT}
if redis.call('HGET', KEYS[1], 'progress') ~= ARGV[4] then
  redis.call('HSET', KEYS[1], 'progress', ARGV[4])
  redis.call('PUBLISH', ARGV[2], ARGV[3])
end
return { 'go on' }`);

/** A run's side of the job: what it says of itself, and whether it may go on. */
export class QueryRuns {
  constructor(
    private readonly redis: RedisClient,
    private readonly keys: RecordKeys,
  ) {}

  /**
   * Makes a taken query Running, for good. `progress` is what earlier runs got to; `now` is Redis' clock.
   */
  async begin(id: string, token: string): Promise<{ verdict: RunVerdict; progress: JobProgress; now: number }> {
    const keys = [...this.keysOf(id), this.keys.queriesOf('Pending'), this.keys.queriesOf('Running')];
    const [verdict, progress, now] = await BEGIN.run(this.redis, keys, [token, this.keys.changes, id]);
    return { verdict, progress: readJobProgress(progress), now: Number(now) };
  }

  /** Stores how far the run is, and looks whether it may go on. */
  async report(id: string, token: string, progress: JobProgress): Promise<RunVerdict> {
    const [verdict] = await REPORT.run(this.redis, this.keysOf(id), [
      token,
      this.keys.changes,
      id,
      JSON.stringify(progress),
    ]);
    return verdict;
  }

  private keysOf(id: string): string[] {
    return [this.keys.job(id), this.keys.outcome(id), this.keys.jobLock(id)];
  }
}
