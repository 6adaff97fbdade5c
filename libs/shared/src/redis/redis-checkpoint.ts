import { crc32 } from 'node:zlib';
import { type RedisClient, RedisScript } from './redis-client';
import type { CheckpointWriter, DayCheckpoint, DayPosition } from '../contract/day-set';
import { extendChecksum } from './day-set-format';

/** Raised whenever the stored form changes. */
const VERSION = 2;

/** Redis closes the connection on which a larger argument arrives (`proto-max-bulk-len` is 512 MB), and again on each resend. */
const LARGEST_WRITE_BYTES = 2 ** 28;

/** The stored form of a position. The checksum covers the identifiers and the position. */
interface StoredPosition {
  version: number;
  position: DayPosition;
  sizeBytes: number;
  checksum: number;
}

/** The stored state of a scan, by the last acknowledged write. */
interface StoredState {
  /** The position in its stored form; empty when nothing is stored. */
  readonly text: string;
  readonly sizeBytes: number;
  readonly checksum: number;
}

const NOTHING: StoredState = { text: '', sizeBytes: 0, checksum: 0 };

/**
 * KEYS position, identifiers
 * ARGV position to append to ('' to replace whatever is stored), its size in bytes, bytes to add, new position, its size
 *   in bytes, time to live in seconds
 * Appends only when Redis holds what this scan stored last, else returns 0: another scan may have written since, or a key may
 * be gone. A write that is resent because its reply was lost is applied once. Identifiers are written first: if Redis refuses
 * the rest, the position does not match them, and is neither read nor extended.
 */
const SAVE = new RedisScript<0 | 1>(`
local stored = redis.call('GET', KEYS[1])
local size = redis.call('STRLEN', KEYS[2])
if stored == ARGV[4] and size == tonumber(ARGV[5]) then return 1 end
if ARGV[1] == '' then
  redis.call('SET', KEYS[2], ARGV[3])
elseif stored == ARGV[1] and size == tonumber(ARGV[2]) then
  redis.call('APPEND', KEYS[2], ARGV[3])
else
  return 0
end
redis.call('EXPIRE', KEYS[2], ARGV[6])
redis.call('SET', KEYS[1], ARGV[4], 'EX', ARGV[6])
return 1`);

/** Sends only new identifiers with each write, so that a giant day is not stored repeatedly. */
export class RedisCheckpointWriter implements CheckpointWriter {
  /**
   * Replaced only after Redis acknowledged the write. After a refused write, or a lost reply, it is the former state: if Redis
   * holds another one, it rejects the next append, and everything is sent again.
   */
  private stored: StoredState;

  constructor(
    private readonly redis: RedisClient,
    private readonly keys: { position: string; identifiers: string },
    private readonly ttlSeconds: number,
    resumed: DayCheckpoint | undefined,
  ) {
    if (resumed === undefined) {
      this.stored = NOTHING;
    } else {
      const { identifiers, ...position } = resumed;
      this.stored = toState(position, identifiers.length, crc32(identifiers));
    }
  }

  async save(position: DayPosition, added: Uint8Array, all: () => Uint8Array): Promise<boolean> {
    if (await this.append(this.stored, position, added)) return true;
    // Another scan of the day has stored its own position, or has ended and deleted it.
    return this.append(NOTHING, position, all());
  }

  async discard(): Promise<void> {
    await this.redis.del(this.keys.position, this.keys.identifiers);
  }

  private async append(base: StoredState, position: DayPosition, added: Uint8Array): Promise<boolean> {
    if (added.length > LARGEST_WRITE_BYTES) return false;
    const next = toState(position, base.sizeBytes + added.length, extendChecksum(base.checksum, added));
    const bytes = Buffer.from(added.buffer, added.byteOffset, added.length);
    const keys = [this.keys.position, this.keys.identifiers];
    const args = [base.text, base.sizeBytes, bytes, next.text, next.sizeBytes, this.ttlSeconds];
    if ((await SAVE.run(this.redis, keys, args)) === 0) return false;
    this.stored = next;
    return true;
  }
}

/** @param checksum Of the identifiers alone. */
function toState(position: DayPosition, sizeBytes: number, checksum: number): StoredState {
  const checksumOfAll = crc32(JSON.stringify(position), checksum);
  const stored: StoredPosition = { version: VERSION, position, sizeBytes, checksum: checksumOfAll };
  return { text: JSON.stringify(stored), sizeBytes, checksum };
}

/** Undefined when there is none, or when its parts do not match: the day is then read from its start. */
export function readCheckpoint(text: string | null, found: Buffer | null): DayCheckpoint | undefined {
  const stored = text === null ? undefined : readPosition(text);
  if (stored?.version !== VERSION) return undefined;
  const identifiers = found ?? Buffer.alloc(0);
  const { position, sizeBytes, checksum } = stored;
  if (identifiers.length !== sizeBytes) return undefined;
  if (crc32(JSON.stringify(position), crc32(identifiers)) !== checksum) return undefined;
  return { ...position, identifiers };
}

/** When the scan of the stored position began; undefined when there is none, or none of this version. */
export function readCheckpointTime(text: string | null): number | undefined {
  const stored = text === null ? undefined : readPosition(text);
  return stored?.version === VERSION ? stored.position.scannedAt : undefined;
}

function readPosition(text: string): StoredPosition | undefined {
  try {
    return JSON.parse(text) as StoredPosition;
  } catch {
    // Truncated or changed: treated as none.
    return undefined;
  }
}
