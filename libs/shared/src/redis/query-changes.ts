import type { Redis } from 'ioredis';
import type { RecordKeys } from './record-keys';

/** An idle subscriber sends nothing, so that a peer that went silent would never be found out. */
const PING_MS = 10_000;

/**
 * Tells which queries have changed: one subscription for a whole process, however many wait for however many
 * queries. A message can be missed while Redis is away, so its return is told as well: whoever waits then looks.
 */
export class QueryChanges {
  private readonly pings: NodeJS.Timeout;

  /** @param subscriber A connection of its own, made for work: a subscriber can do nothing else. */
  constructor(
    private readonly subscriber: Redis,
    keys: RecordKeys,
    listener: { onChange(id: string): void; onReturn(): void },
  ) {
    subscriber.on('message', (_channel, id: string) => listener.onChange(id));
    // Subscribed again by ioredis first: what is read from now on misses nothing.
    subscriber.on('ready', () => {
      subscriber.subscribe(keys.changes).then(
        () => listener.onReturn(),
        () => {
          // Cut before it was acknowledged: the next connection tries again.
        },
      );
    });
    this.pings = setInterval(() => void subscriber.ping().catch(() => {}), PING_MS);
    this.pings.unref();
  }

  close(): void {
    clearInterval(this.pings);
    this.subscriber.disconnect();
  }
}
