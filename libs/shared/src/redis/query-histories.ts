import { type RedisClient, RedisScript } from './redis-client';
import type { HistoryEvent, QueryHistory } from '../contract/query-history';
import { LONGEST_LIFE_MS } from './query-index';
import type { RecordKeys } from './record-keys';
import { hasRoomToSpare } from './redis-health';
import { readRecord } from './unreadable-record';
import { isPassingRefusal } from './retry-commands';

/** Per query: ten years of days and as many attempts. An event is some 200 bytes. */
const MOST_EVENTS = 4_000;

/**
 * KEYS events, count of dropped ones, outcome; ARGV most events, time to live in ms while there is no outcome,
 * how many were dropped before, events. Keeps the oldest: the beginning explains the rest.
 */
const APPEND = new RedisScript<number>(`
local room = tonumber(ARGV[1]) - redis.call('LLEN', KEYS[1])
local dropped = tonumber(ARGV[3])
for i = 4, #ARGV do
  if i - 3 <= room then redis.call('RPUSH', KEYS[1], ARGV[i]) else dropped = dropped + 1 end
end
if dropped > 0 then redis.call('INCRBY', KEYS[2], dropped) end
local ttl = redis.call('PTTL', KEYS[3])
if ttl < 0 then ttl = ARGV[2] end
redis.call('PEXPIRE', KEYS[1], ttl)
redis.call('PEXPIRE', KEYS[2], ttl)
return dropped`);

/** The events of queries, for operators; they decide nothing: when Redis is full, only history is lost. */
export class QueryHistories {
  constructor(
    private readonly redis: RedisClient,
    private readonly keys: RecordKeys,
    private readonly mostEvents = MOST_EVENTS,
  ) {}

  /**
   * @param droppedBefore Events that the caller has dropped.
   * @returns Whether the events were stored; false when Redis has no room to spare, or refuses writes for a while.
   */
  async append(id: string, events: readonly HistoryEvent[], droppedBefore = 0): Promise<boolean> {
    try {
      return await this.appendIfRoom(id, events, droppedBefore);
    } catch (error) {
      // A refused script has stored nothing; after any other failure Redis may have the events.
      if (isPassingRefusal(error)) return false;
      throw error;
    }
  }

  async read(id: string): Promise<QueryHistory> {
    const { events, dropped } = this.keys.history(id);
    const [texts, count] = await Promise.all([this.redis.lrange(events, 0, -1), this.redis.get(dropped)]);
    const readable = texts.flatMap((text) => readRecord(events, text, parseEvent) ?? []);
    return { events: readable, dropped: Number(count ?? 0) + texts.length - readable.length };
  }

  private async appendIfRoom(id: string, events: readonly HistoryEvent[], droppedBefore: number): Promise<boolean> {
    if (!(await hasRoomToSpare(this.redis, this.keys.history(id).events))) return false;
    const { events: key, dropped } = this.keys.history(id);
    const texts = events.map((event) => JSON.stringify(event));
    const args = [this.mostEvents, LONGEST_LIFE_MS, droppedBefore, ...texts];
    await APPEND.run(this.redis, [key, dropped, this.keys.outcome(id)], args);
    return true;
  }
}

function parseEvent(text: string): HistoryEvent {
  const event = JSON.parse(text) as HistoryEvent;
  // Documents show it as a date: an invalid one throws here.
  new Date(event.at).toISOString();
  return event;
}
