import type { Redis } from 'ioredis';
import type { CalendarDay } from '../contract/calendar-day';
import type { DaySet, DaySetHead, DaySets } from '../contract/day-set';
import { encodeDaySet, HEAD_BYTES, readDaySet, readDaySetHead } from './day-set-format';
import type { RecordKeys } from './record-keys';
import { readRedisClock } from './redis-clock';
import { isReplyError } from './redis-script';

/** The day sets of one table, in Redis. They expire by themselves; losing one costs a scan, never a count. */
export class RedisDaySets implements DaySets {
  constructor(
    private readonly redis: Redis,
    private readonly keys: RecordKeys,
    private readonly options: { tableFingerprint: string; ttlSeconds: number; onFull: () => void },
  ) {}

  async readHeads(days: readonly CalendarDay[]): Promise<Map<CalendarDay, DaySetHead>> {
    const pipeline = this.redis.pipeline();
    for (const day of days) pipeline.getrangeBuffer(this.keyOf(day), 0, HEAD_BYTES - 1);
    const replies = (await pipeline.exec()) ?? [];
    const heads = new Map<CalendarDay, DaySetHead>();
    replies.forEach(([error, reply], i) => {
      if (error) throw error;
      const head = readDaySetHead(reply as Buffer);
      const day = days[i];
      if (head !== undefined && day !== undefined) heads.set(day, head);
    });
    return heads;
  }

  async read(day: CalendarDay): Promise<DaySet | undefined> {
    const bytes = await this.redis.getBuffer(this.keyOf(day));
    return bytes === null ? undefined : readDaySet(bytes);
  }

  async write(day: CalendarDay, daySet: DaySet): Promise<void> {
    try {
      await this.redis.set(this.keyOf(day), encodeDaySet(daySet), 'EX', this.options.ttlSeconds);
    } catch (error) {
      if (!isReplyError(error, 'OOM')) throw error;
      this.options.onFull();
    }
  }

  now(): Promise<number> {
    return readRedisClock(this.redis);
  }

  private keyOf(day: CalendarDay): string {
    return this.keys.daySet(this.options.tableFingerprint, day);
  }
}
