import { crc32 } from 'node:zlib';
import type { Redis } from 'ioredis';
import type { CheckpointWriter, DayCheckpoint, DayPosition } from '../contract/day-set';
import { RedisScript } from './redis-script';

/** Raised whenever the stored form changes. */
const VERSION = 1;

interface StoredPosition extends DayPosition {
  version: number;
  sizeBytes: number;
  checksum: number;
}

/**
 * KEYS position, identifiers; ARGV bytes stored so far, added bytes, position, time to live in seconds.
 * When another scan of the day has written in between, the two would be mixed up: the later one stops.
 */
const SAVE = new RedisScript<0 | 1>(`
if ARGV[1] == '0' then
  redis.call('DEL', KEYS[2])
elseif redis.call('STRLEN', KEYS[2]) ~= tonumber(ARGV[1]) then
  return 0
end
redis.call('APPEND', KEYS[2], ARGV[2])
redis.call('EXPIRE', KEYS[2], ARGV[4])
redis.call('SET', KEYS[1], ARGV[3], 'EX', ARGV[4])
return 1`);

/** Only what is new is sent each time, so that a giant day is not stored over and over. */
export class RedisCheckpointWriter implements CheckpointWriter {
  private sizeBytes: number;
  private checksum: number;
  private isOvertaken = false;

  constructor(
    private readonly redis: Redis,
    private readonly keys: { position: string; identifiers: string },
    private readonly ttlSeconds: number,
    resumed: DayCheckpoint | undefined,
  ) {
    this.sizeBytes = resumed?.identifiers.length ?? 0;
    this.checksum = resumed === undefined ? 0 : crc32(resumed.identifiers);
  }

  async save(position: DayPosition, added: Uint8Array): Promise<void> {
    if (this.isOvertaken) return;
    const checksum = crc32(added, this.checksum);
    const sizeBytes = this.sizeBytes + added.length;
    const stored: StoredPosition = { ...position, version: VERSION, sizeBytes, checksum };
    const isSaved = await SAVE.run(
      this.redis,
      [this.keys.position, this.keys.identifiers],
      [
        this.sizeBytes,
        Buffer.from(added.buffer, added.byteOffset, added.length),
        JSON.stringify(stored),
        this.ttlSeconds,
      ],
    );
    this.isOvertaken = isSaved === 0;
    this.checksum = checksum;
    this.sizeBytes = sizeBytes;
  }
}

/** Undefined when there is none, or when the two keys do not fit together: the day is then read from its start. */
export function readCheckpoint(positionText: string | null, found: Buffer | null): DayCheckpoint | undefined {
  if (positionText === null) return undefined;
  const identifiers = found ?? Buffer.alloc(0);
  const { version, sizeBytes, checksum, ...position } = JSON.parse(positionText) as StoredPosition;
  if (version !== VERSION || identifiers.length !== sizeBytes || crc32(identifiers) !== checksum) return undefined;
  return { ...position, identifiers };
}
