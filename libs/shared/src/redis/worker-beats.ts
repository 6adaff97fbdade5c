import { type RedisClient, toMilliseconds, RedisScript, runPipeline } from './redis-client';
import type { WorkerBeat, WorkerSighting } from '../contract/worker-beat';
import type { RecordKeys } from './record-keys';
import { readRecord } from './unreadable-record';

/** How often a worker reports. */
export const BEAT_MS = 2_000;

/** Five beats: the process or the network may pause. */
const GONE_AFTER_MS = 10_000;

/** How long a lost worker is listed, for operators who investigate. */
const REMEMBERED_MS = 3_600_000;

/** KEYS workers, worker; ARGV id, beat, how long it is listed in ms */
const BEAT = new RedisScript<0 | 1>(`
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local isNew = redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[3])
redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3])
return isNew`);

/** KEYS workers; ARGV after how many ms without a beat a worker is lost */
const COUNT_ALIVE = new RedisScript<number>(`
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
return redis.call('ZCOUNT', KEYS[1], '(' .. string.format('%.0f', now - ARGV[1]), '+inf')`);

/** The workers, by their own reports and by Redis' clock. */
export class WorkerBeats {
  constructor(
    private readonly redis: RedisClient,
    private readonly keys: RecordKeys,
  ) {}

  /** @returns Whether Redis had no record of the worker: at its first beat, and after Redis has lost its data. */
  async beat(beat: WorkerBeat): Promise<boolean> {
    const keys = [this.keys.workers, this.keys.worker(beat.id)];
    return (await BEAT.run(this.redis, keys, [beat.id, JSON.stringify(beat), REMEMBERED_MS])) === 1;
  }

  /** Removes a worker that ends in order, so that the records left behind are of lost workers. */
  async end(id: string): Promise<void> {
    await Promise.all([this.redis.zrem(this.keys.workers, id), this.redis.del(this.keys.worker(id))]);
  }

  /** How many workers live. The cost does not depend on their queries. */
  countAlive(): Promise<number> {
    return COUNT_ALIVE.run(this.redis, [this.keys.workers], [GONE_AFTER_MS]);
  }

  /** The workers that live, and those lost within the last hour. */
  async list(): Promise<WorkerSighting[]> {
    const pipeline = this.redis.pipeline().time().zrange(this.keys.workers, 0, -1, 'WITHSCORES');
    const [time, scored] = (await runPipeline(pipeline)) as [string[], string[]];
    const ids = scored.filter((_, i) => i % 2 === 0);
    if (ids.length === 0) return [];
    const texts = await this.redis.mget(ids.map((id) => this.keys.worker(id)));
    return texts.flatMap((text, i) => {
      const key = this.keys.worker(ids[i] ?? '');
      const beat = text === null ? undefined : readRecord(key, text, parseBeat);
      if (beat === undefined) return [];
      const lastBeatAt = Number(scored[i * 2 + 1]);
      const isAlive = toMilliseconds(time) - lastBeatAt < GONE_AFTER_MS;
      return [{ ...beat, lastBeatAt, isAlive }];
    });
  }
}

function parseBeat(text: string): WorkerBeat {
  const beat = JSON.parse(text) as WorkerBeat;
  // Documents show these as dates: an invalid one throws here.
  for (const time of [beat.startedAt, ...beat.queries.map(({ since }) => since)]) new Date(time).toISOString();
  return beat;
}
