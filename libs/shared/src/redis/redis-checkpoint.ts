import { crc32 } from 'node:zlib';
import type { RedisClient } from './redis-client';
import type { CheckpointWriter, DayCheckpoint, DayPosition } from '../contract/day-set';
import { extendChecksum } from './extend-checksum';
import { RedisScript } from './redis-script';

/** Raised whenever the stored form changes. */
const VERSION = 1;

/** How a position lies in Redis. The checksum is that of the identifiers and of the position itself. */
interface StoredPosition {
  version: number;
  position: DayPosition;
  sizeBytes: number;
  checksum: number;
}

/**
 * KEYS position, identifiers; ARGV position that this scan has stored last, added bytes, position, time to live in
 * seconds. What another scan of the day has written is never mixed up with this: 0 says that it is in between. The
 * same that is sent twice, because its reply was lost, is stored once.
 */
const SAVE = new RedisScript<0 | 1>(`
local stored = redis.call('GET', KEYS[1])
if stored == ARGV[3] then return 1 end
if ARGV[1] == '' then
  redis.call('DEL', KEYS[2])
elseif stored ~= ARGV[1] then
  return 0
end
redis.call('APPEND', KEYS[2], ARGV[2])
redis.call('EXPIRE', KEYS[2], ARGV[4])
redis.call('SET', KEYS[1], ARGV[3], 'EX', ARGV[4])
return 1`);

/** Only what is new is sent each time, so that a giant day is not stored over and over. */
export class RedisCheckpointWriter implements CheckpointWriter {
  /** As it was stored; empty before the first time. */
  private last = '';
  private sizeBytes = 0;
  private checksum = 0;

  constructor(
    private readonly redis: RedisClient,
    private readonly keys: { position: string; identifiers: string },
    private readonly ttlSeconds: number,
    resumed: DayCheckpoint | undefined,
  ) {
    if (resumed === undefined) return;
    const { identifiers, ...position } = resumed;
    this.sizeBytes = identifiers.length;
    this.checksum = crc32(identifiers);
    this.last = toText(position, this.sizeBytes, this.checksum);
  }

  async save(position: DayPosition, added: Uint8Array, all: () => Uint8Array): Promise<boolean> {
    if (await this.append(position, added)) return true;
    // Another scan of the day has stored its own, or has ended and cleared up: this one stores all that it has.
    this.last = '';
    this.sizeBytes = 0;
    this.checksum = 0;
    return this.append(position, all());
  }

  async discard(): Promise<void> {
    await this.redis.del(this.keys.position, this.keys.identifiers);
  }

  private async append(position: DayPosition, added: Uint8Array): Promise<boolean> {
    const sizeBytes = this.sizeBytes + added.length;
    const checksum = extendChecksum(this.checksum, added);
    const text = toText(position, sizeBytes, checksum);
    const bytes = Buffer.from(added.buffer, added.byteOffset, added.length);
    const keys = [this.keys.position, this.keys.identifiers];
    if ((await SAVE.run(this.redis, keys, [this.last, bytes, text, this.ttlSeconds])) === 0) return false;
    this.last = text;
    this.sizeBytes = sizeBytes;
    this.checksum = checksum;
    return true;
  }
}

function toText(position: DayPosition, sizeBytes: number, identifiersChecksum: number): string {
  const checksum = crc32(JSON.stringify(position), identifiersChecksum);
  return JSON.stringify({ version: VERSION, position, sizeBytes, checksum } satisfies StoredPosition);
}

/** Undefined when there is none, or when its parts do not fit together: the day is then read from its start. */
export function readCheckpoint(text: string | null, found: Buffer | null): DayCheckpoint | undefined {
  const stored = text === null ? undefined : readPosition(text);
  if (stored?.version !== VERSION) return undefined;
  const identifiers = found ?? Buffer.alloc(0);
  const { position, sizeBytes, checksum } = stored;
  if (identifiers.length !== sizeBytes) return undefined;
  if (crc32(JSON.stringify(position), crc32(identifiers)) !== checksum) return undefined;
  return { ...position, identifiers };
}

/** When the scan began whose position is stored; undefined when there is none, or none of this version. */
export function readCheckpointTime(text: string | null): number | undefined {
  const stored = text === null ? undefined : readPosition(text);
  return stored?.version === VERSION ? stored.position.scannedAt : undefined;
}

function readPosition(text: string): StoredPosition | undefined {
  try {
    return JSON.parse(text) as StoredPosition;
  } catch {
    // Cut or changed: as good as none.
    return undefined;
  }
}
