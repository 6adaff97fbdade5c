import { type RedisClient, RedisScript } from './redis-client';
import { TAKE } from './rate-window';
import type { RecordKeys } from './record-keys';
import { readRecord } from './unreadable-record';

/** Entries per stream: some months of an operator's work. */
const MOST_ENTRIES = 10_000;

/** Accesses of one operator to one target within this time are one entry. */
export const ACCESS_INTERVAL_MS = 60_000;

/** Over all clients, which choose the names that they try: a flood takes 16 hours to replace the stream. */
export const FAILED_LOGINS_PER_MINUTE = 10;

/** Each has its own bound: frequent reads cannot displace changes, and failed logins, which anyone can cause, displace neither. */
export const AuditStream = { Changes: 'changes', Reads: 'reads', FailedLogins: 'failed-logins' } as const;
export type AuditStream = (typeof AuditStream)[keyof typeof AuditStream];
export type AccessStream = Exclude<AuditStream, typeof AuditStream.Changes>;

const MOST_PER_INTERVAL: Readonly<Record<AccessStream, number>> = {
  // Operators are few and known: no limit.
  [AuditStream.Reads]: Number.MAX_SAFE_INTEGER,
  [AuditStream.FailedLogins]: FAILED_LOGINS_PER_MINUTE,
};

/** A change or attempted change by an operator, a read, or a failed login. */
export interface AuditEntry {
  /** For a failed login: the name that the credential claims. */
  who: string;
  /** Method and route, such as `POST /operator/queries/{id}/terminate`; or `login`. */
  action: string;
  /** The id of the query, purge or job; empty when it concerns all. For a login: the client's address. */
  target: string;
  /** The parameters of the request, as a JSON object. */
  parameters: string;
  /** The HTTP status of the answer, and its error code if it has one. */
  outcome: string;
}

/** `at`: milliseconds since 1970 by Redis' clock. `parameters`: empty when they do not parse. */
export type AuditRecord = Omit<AuditEntry, 'parameters'> & { at: number; parameters: Record<string, string> };

/** `left-out`: the stream has reached its limit in this interval; `first-left-out` is the first such entry. */
type AccessVerdict = 'written' | 'repeated' | 'left-out' | 'first-left-out';

/** KEYS mark of operator and target, window of the stream, stream; ARGV interval in ms, most in one, most kept, fields */
const APPEND_ACCESS = new RedisScript<[verdict: AccessVerdict, msLeft: number | string]>(`${TAKE}
local left = redis.call('PTTL', KEYS[1])
if left > 0 then return { 'repeated', left } end
local most = tonumber(ARGV[2])
local taken, msLeft = take(KEYS[2], ARGV[1])
if taken > most then return { taken == most + 1 and 'first-left-out' or 'left-out', msLeft } end
redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[3], '*', unpack(ARGV, 4))
redis.call('SET', KEYS[1], '1', 'PX', ARGV[1])
return { 'written', ARGV[1] }`);

/** The actions of operators, newest last; the oldest are dropped. */
export class AuditLog {
  constructor(
    private readonly redis: RedisClient,
    private readonly keys: RecordKeys,
  ) {}

  /** Records a change; no change is left out. */
  async append(entry: AuditEntry): Promise<void> {
    await this.redis.xadd(this.keys.audit, 'MAXLEN', '~', MOST_ENTRIES, '*', ...toFields(entry));
  }

  /**
   * Records an access, unless the operator has an entry for the same target within `ACCESS_INTERVAL_MS`, over all processes.
   *
   * @returns `msLeft`: how long no other entry for the two will be written.
   */
  async appendAccess(stream: AccessStream, entry: AuditEntry): Promise<{ verdict: AccessVerdict; msLeft: number }> {
    const mark = this.keys.rateWindow(stream, [entry.who, entry.target]);
    const keys = [mark, this.keys.rateWindow(stream, []), this.keyOf(stream)];
    const args = [ACCESS_INTERVAL_MS, MOST_PER_INTERVAL[stream], MOST_ENTRIES, ...toFields(entry)];
    const [verdict, msLeft] = await APPEND_ACCESS.run(this.redis, keys, args);
    return { verdict, msLeft: Number(msLeft) };
  }

  /** At most `count`, newest first. */
  async list(stream: AuditStream, count: number): Promise<AuditRecord[]> {
    const key = this.keyOf(stream);
    const entries = await this.redis.xrevrange(key, '+', '-', 'COUNT', count);
    return entries.map(([id, fields]) => {
      const read = (name: keyof AuditEntry) => fields[fields.indexOf(name) + 1] ?? '';
      // The id of an entry has the time by Redis' clock.
      const at = Number(id.split('-', 1)[0]);
      const [who, action, target] = [read('who'), read('action'), read('target')];
      const parameters = readRecord(key, read('parameters'), parseParameters) ?? {};
      return { at, who, action, target, parameters, outcome: read('outcome') };
    });
  }

  private keyOf(stream: AuditStream): string {
    return stream === AuditStream.Changes ? this.keys.audit : this.keys.accesses(stream);
  }
}

function toFields(entry: AuditEntry): string[] {
  return Object.entries<string>({ ...entry }).flat();
}

function parseParameters(text: string): Record<string, string> {
  return JSON.parse(text) as Record<string, string>;
}
