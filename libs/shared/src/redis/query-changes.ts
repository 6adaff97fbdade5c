import type { Redis } from 'ioredis';
import { parseOutcome } from './outcomes';
import { untilTaken } from './retry-commands';
import type { QueryState } from '../contract/query-document';
import type { RecordKeys } from './record-keys';
import { readRecord } from './unreadable-record';

/** An idle subscriber sends nothing: without pings it would not detect a silent server. */
const PING_MS = 10_000;

interface QueryChangesListener {
  onChange(id: string): void;
  /** @param read Returns the final state of the query; undefined when the message does not parse. */
  onEnd(id: string, read: () => QueryState | undefined): void;
  /** Any query may have changed. */
  onReturn(): void;
}

/**
 * Reports which queries have changed: one subscription for the whole process, for any number of waiting requests. Messages are
 * lost while Redis is unreachable, so the listener also learns of its return and reads again.
 */
export class QueryChanges {
  private readonly pings: NodeJS.Timeout;
  private subscribing = new AbortController();

  /** @param subscriber A connection for this alone: a subscriber cannot send other commands. */
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
      // A read after the acknowledgement misses no change.
      untilTaken(() => subscriber.subscribe(keys.changes), this.subscribing.signal).then(
        () => listener.onReturn(),
        () => {
          // Closed before the acknowledgement: the next connection subscribes again.
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
