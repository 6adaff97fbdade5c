import { type RedisClient, runPipeline, toMilliseconds, readReplyCode } from './redis-client';
import type { CalendarDay } from '../contract/calendar-day';
import {
  type CheckpointWriter,
  type DayCheckpoint,
  type DaySet,
  type DaySetHead,
  type DaySets,
  type DayStart,
  IDENTIFIER_BYTES,
} from '../contract/day-set';
import { readCheckpoint, readCheckpointTime, RedisCheckpointWriter } from './redis-checkpoint';
import { encodeDaySetHead, HEAD_BYTES, readDaySet, readDaySetHead } from './day-set-format';
import type { RecordKeys } from './record-keys';
import { hasRoomToSpare } from './redis-health';
import { untilAnswered, isPassingRefusal, untilTaken } from './retry-commands';

/** Read along with each head: a day set of up to 250 identifiers is complete then. */
const FIRST_BYTES = HEAD_BYTES + 250 * IDENTIFIER_BYTES;

/** For at most this many days: one reply of 1.6 MB. */
const MOST_DAYS_WITH_SETS = 400;

const NEVER = new AbortController().signal;

/** Redis closes a connection that sends an argument larger than `proto-max-bulk-len`, and some servers refuse smaller ones. */
const PIECE_BYTES = 16 * 2 ** 20;

/**
 * The day sets of one table, in Redis, on a connection of their own, since they may be large. Redis expires them; losing one
 * costs a scan, never a wrong count. A set larger than a value in Redis may be cannot be stored, and its query fails
 * (docs/redis.md).
 */
export class RedisDaySets implements DaySets {
  constructor(
    private readonly redis: RedisClient,
    private readonly keys: RecordKeys,
    private readonly options: { tableFingerprint: string; ttlSeconds: number; onFull: (code: string) => void },
  ) {}

  async readHeads(days: readonly CalendarDay[]): Promise<Map<CalendarDay, DaySetHead | DaySet>> {
    const bytesOfEach = days.length > MOST_DAYS_WITH_SETS ? HEAD_BYTES : FIRST_BYTES;
    const replies = await untilAnswered(() => {
      const pipeline = this.redis.pipeline();
      for (const day of days) pipeline.getrangeBuffer(this.keyOf(day), 0, bytesOfEach - 1);
      return runPipeline<Buffer>(pipeline);
    });
    const heads = new Map<CalendarDay, DaySetHead | DaySet>();
    for (const [i, day] of days.entries()) {
      const bytes = replies[i] ?? Buffer.alloc(0);
      const head = readDaySet(bytes) ?? readDaySetHead(bytes);
      if (head !== undefined) heads.set(day, head);
    }
    return heads;
  }

  async readStart(day: CalendarDay, signal = NEVER): Promise<DayStart> {
    const { position, identifiers } = this.checkpointKeysOf(day);
    const read = () =>
      this.redis
        .pipeline()
        .time()
        .getrangeBuffer(this.keyOf(day), 0, HEAD_BYTES - 1)
        .get(position)
        .getBuffer(identifiers);
    const replies = await untilTaken(() => untilAnswered(() => runPipeline(read())), signal);
    const [time, head, positionText, found] = replies as [string[], Buffer, string | null, Buffer | null];
    return { now: toMilliseconds(time), head: readDaySetHead(head), checkpoint: readCheckpoint(positionText, found) };
  }

  async read(day: CalendarDay, signal = NEVER): Promise<DaySet | undefined> {
    const bytes = await untilTaken(() => this.redis.getBuffer(this.keyOf(day)), signal);
    return bytes === null ? undefined : readDaySet(bytes);
  }

  async write(day: CalendarDay, daySet: DaySet): Promise<boolean> {
    // Idempotent: a retry stores the same set.
    const store = async () => {
      await untilAnswered(() => this.writeOnce(day, daySet));
      return true;
    };
    return (await this.unlessFull(store)) ?? false;
  }

  openCheckpoint(day: CalendarDay, resumed: DayCheckpoint | undefined): CheckpointWriter {
    const { ttlSeconds } = this.options;
    const writer = new RedisCheckpointWriter(this.redis, this.checkpointKeysOf(day), ttlSeconds, resumed);
    return {
      save: async (...args) => (await this.unlessFull(() => writer.save(...args))) ?? false,
      discard: () => writer.discard(),
    };
  }

  private async writeOnce(day: CalendarDay, daySet: DaySet): Promise<void> {
    const key = this.keyOf(day);
    const { position, identifiers } = this.checkpointKeysOf(day);
    const found = this.redis
      .pipeline()
      .getrangeBuffer(key, 0, HEAD_BYTES - 1)
      .get(position);
    const [headBytes, positionText] = (await runPipeline(found)) as [Buffer, string | null];
    const store = this.redis.multi();
    // A set of a scan that began later stays.
    if (isLatest(daySet, readDaySetHead(headBytes)?.scannedAt)) {
      store.set(key, encodeDaySetHead(daySet), 'EX', this.options.ttlSeconds);
      for (const piece of cut(toBuffer(daySet.identifiers))) store.append(key, piece);
    }
    if (isLatest(daySet, readCheckpointTime(positionText))) store.del(position, identifiers);
    const replies = await store.exec();
    const [failure] = (replies ?? []).flatMap(([error]) => error ?? []);
    if (failure === undefined) return;
    // Redis runs the rest of a transaction after an error. A head without all its identifiers is never read as a day set,
    // but takes memory until it is deleted or expires.
    await this.redis.del(key).catch(() => {});
    throw failure;
  }

  /** Runs `store`; undefined when Redis refuses or is full, which costs reuse but does not fail the query. */
  private async unlessFull<T>(store: () => Promise<T>): Promise<T | undefined> {
    try {
      if (await untilAnswered(() => hasRoomToSpare(this.redis, this.keys.queue))) return await store();
      this.options.onFull('NO_ROOM_TO_SPARE');
    } catch (error) {
      // Redis discards a transaction when it refused one of its commands.
      const [cause = error] = (error as { previousErrors?: unknown[] }).previousErrors ?? [];
      if (!isPassingRefusal(cause)) throw error;
      this.options.onFull(readReplyCode(cause) ?? 'UNKNOWN');
    }
    return undefined;
  }

  private keyOf(day: CalendarDay): string {
    return this.keys.daySet(this.options.tableFingerprint, day);
  }

  private checkpointKeysOf(day: CalendarDay) {
    return this.keys.checkpoint(this.options.tableFingerprint, day);
  }
}

function isLatest({ scannedAt }: DaySet, stored: number | undefined): boolean {
  return stored === undefined || stored <= scannedAt;
}

/** The same memory as a Buffer, which ioredis needs. */
function toBuffer({ buffer, byteOffset, length }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, length);
}

function cut(bytes: Buffer): Buffer[] {
  const count = Math.ceil(bytes.length / PIECE_BYTES);
  return Array.from({ length: count }, (_, i) => bytes.subarray(i * PIECE_BYTES, (i + 1) * PIECE_BYTES));
}
