import type { RedisClient } from './redis-client';
import type { RecordKeys } from './record-keys';
import { readRecord } from './unreadable-record';

/** Some months of an operator's work. */
const MOST_ENTRIES = 10_000;

/** What an operator has changed, or tried to. */
export interface AuditEntry {
  who: string;
  /** Method and route, such as `POST /operator/queries/{id}/terminate`. */
  action: string;
  /** The query, purge or job that it is about; empty where it is about all of them. */
  target: string;
  /** The parameters of the request, as a JSON object. */
  parameters: string;
  /** The HTTP status of the answer, and the code behind it where there is one. */
  outcome: string;
}

/** `at`: milliseconds since 1970 by Redis' clock. `parameters`: none where they cannot be read. */
export type AuditRecord = Omit<AuditEntry, 'parameters'> & { at: number; parameters: Record<string, string> };

/** What operators have done, newest last; the oldest are dropped. */
export class AuditLog {
  constructor(
    private readonly redis: RedisClient,
    private readonly keys: RecordKeys,
  ) {}

  async append(entry: AuditEntry): Promise<void> {
    await this.redis.xadd(
      this.keys.audit,
      'MAXLEN',
      '~',
      MOST_ENTRIES,
      '*',
      ...Object.entries<string>({ ...entry }).flat(),
    );
  }

  /** At most `count`, newest first. */
  async list(count: number): Promise<AuditRecord[]> {
    const entries = await this.redis.xrevrange(this.keys.audit, '+', '-', 'COUNT', count);
    return entries.map(([id, fields]) => {
      const read = (name: keyof AuditEntry) => fields[fields.indexOf(name) + 1] ?? '';
      // Redis makes the id of an entry from its clock.
      const at = Number(id.split('-', 1)[0]);
      const [who, action, target] = [read('who'), read('action'), read('target')];
      const parameters = readRecord(this.keys.audit, read('parameters'), parseParameters) ?? {};
      return { at, who, action, target, parameters, outcome: read('outcome') };
    });
  }
}

function parseParameters(text: string): Record<string, string> {
  return JSON.parse(text) as Record<string, string>;
}
