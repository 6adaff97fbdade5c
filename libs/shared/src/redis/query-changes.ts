import type { Redis } from 'ioredis';
import { parseOutcome } from './outcomes';
import { untilTaken } from './retry-commands';
import type { QueryState } from '../contract/query-document';
import type { RecordKeys } from './record-keys';
import { readRecord } from './unreadable-record';

/** An idle subscriber sends nothing, so that a peer that went silent would never be found out. */
const PING_MS = 10_000;

interface QueryChangesListener {
  onChange(id: string): void;
  /** @param read The query as it is from now on; undefined where the message cannot be read. */
  onEnd(id: string, read: () => QueryState | undefined): void;
  /** Any query may have changed. */
  onReturn(): void;
}

/**
 * Tells which queries have changed: one subscription for a whole process, however many wait for however many
 * queries. A message can be missed while Redis is away, so its return is told as well: whoever waits then looks.
 */
export class QueryChanges {
  private readonly pings: NodeJS.Timeout;
  private subscribing = new AbortController();

  /** @param subscriber A connection of its own, made for work: a subscriber can do nothing else. */
  constructor(
    private readonly subscriber: Redis,
    keys: RecordKeys,
    listener: QueryChangesListener,
  ) {
    subscriber.on('message', (_channel, message: string) => {
      const [id = ''] = message.split(' ', 1);
      if (id.length === message.length) listener.onChange(id);
      else listener.onEnd(id, () => toState(id, keys, message.slice(id.length)));
    });
    const subscribe = () => {
      this.subscribing.abort();
      this.subscribing = new AbortController();
      // Once it is acknowledged, a read misses nothing.
      untilTaken(() => subscriber.subscribe(keys.changes), this.subscribing.signal).then(
        () => listener.onReturn(),
        () => {
          // Closed, or cut before it was acknowledged: the next connection tries again.
        },
      );
    };
    subscriber.on('ready', subscribe);
    if (subscriber.status === 'ready') subscribe();
    this.pings = setInterval(() => void subscriber.ping().catch(() => {}), PING_MS);
    this.pings.unref();
  }

  close(): void {
    clearInterval(this.pings);
    this.subscribing.abort();
    this.subscriber.disconnect();
  }
}

function toState(id: string, keys: RecordKeys, text: string): QueryState | undefined {
  const outcome = readRecord(`${keys.changes} ${id}`, text, parseOutcome);
  return outcome && { id, ...outcome };
}
