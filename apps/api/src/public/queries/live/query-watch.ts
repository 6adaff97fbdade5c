import { setTimeout as delay } from 'node:timers/promises';
import type { QueryState } from '#shared/contract/query-document';
import { RecordUnreadableError } from '#shared/redis/unreadable-record';

/** Undefined: the query is gone, or cannot be read. */
type Listener = (state: QueryState | undefined) => void;

/** What a listener is to be told of: of every change, or of the end alone, before which nothing is read for it. */
export type Interest = 'changes' | 'end';

interface Watched {
  listeners: Map<Listener, Interest>;
  /** A read is under way, and whether the query has changed since it began. */
  reading: 'no' | 'yes' | 'again';
  /** When anything was last known of the query, in milliseconds of this process. */
  knownAt: number;
}

/** Soon enough for whoever waits, and seldom enough for a Redis that is not back yet. */
const READ_AGAIN_MS = 500;

/**
 * Tells those who wait for a query of its changes. A query that has changed is read once for all of them.
 */
export class QueryWatch {
  private readonly watched = new Map<string, Watched>();

  constructor(
    private readonly read: (id: string) => Promise<QueryState | undefined>,
    private readonly readAgainMs = READ_AGAIN_MS,
  ) {}

  /** How many wait, over all queries. */
  get size(): number {
    let size = 0;
    for (const { listeners } of this.watched.values()) size += listeners.size;
    return size;
  }

  /**
   * Tells `listener` of the query's changes from now on, and, where these may have been missed, how the query is; what
   * was before, it has to read, after this call.
   *
   * @returns What ends it.
   */
  subscribe(id: string, interest: Interest, listener: Listener): () => void {
    const watched = this.watched.get(id) ?? { listeners: new Map(), reading: 'no', knownAt: performance.now() };
    this.watched.set(id, watched);
    watched.listeners.set(listener, interest);
    return () => {
      watched.listeners.delete(listener);
      if (watched.listeners.size === 0 && this.watched.get(id) === watched) this.watched.delete(id);
    };
  }

  /** The query has changed, and goes on. */
  changed(id: string): void {
    const watched = this.watched.get(id);
    if (watched === undefined) return;
    watched.knownAt = performance.now();
    if ([...watched.listeners.values()].includes('changes')) this.readAgain(id, watched);
  }

  /**
   * The query is over, and this is the last that there is to tell: what is being read at the moment comes too late.
   *
   * @param read Undefined when the message cannot be read: then the query is.
   */
  ended(id: string, read: () => QueryState | undefined): void {
    const watched = this.watched.get(id);
    if (watched === undefined) return;
    const state = read();
    if (state === undefined) return this.readAgain(id, watched);
    this.end(id, watched, state);
  }

  /** Any query may have changed, or ended. */
  allChanged(): void {
    for (const [id, watched] of this.watched) this.readAgain(id, watched);
  }

  /**
   * Reads the queries of which nothing was heard for so long. A message is lost where its sender ends before it: a job that
   * BullMQ fails by itself, in a worker that is killed just then, sends none at all.
   */
  readQuiet(quietMs: number): void {
    const before = performance.now() - quietMs;
    for (const [id, watched] of this.watched) if (watched.knownAt <= before) this.readAgain(id, watched);
  }

  private end(id: string, watched: Watched, state: QueryState | undefined): void {
    this.watched.delete(id);
    for (const listener of watched.listeners.keys()) listener(state);
  }

  private readAgain(id: string, watched: Watched): void {
    if (watched.reading === 'no') void this.tell(id, watched);
    else watched.reading = 'again';
  }

  private async tell(id: string, watched: Watched): Promise<void> {
    do {
      watched.reading = 'yes';
      try {
        const state = await this.read(id);
        if (this.watched.get(id) !== watched) return;
        watched.knownAt = performance.now();
        for (const listener of watched.listeners.keys()) listener(state);
      } catch (error) {
        if (this.watched.get(id) !== watched) return;
        // Nor could it be read the next time: as much as if it were gone. Those who wait read it themselves, and fail.
        if (error instanceof RecordUnreadableError) return this.end(id, watched, undefined);
        // Its return is told by another connection, which may be back before the one that reads.
        await delay(this.readAgainMs, undefined, { ref: false });
        if (this.watched.get(id) !== watched) return;
        watched.reading = 'again';
      }
    } while (this.isAgain(watched));
    watched.reading = 'no';
  }

  private isAgain({ reading }: Watched): boolean {
    return reading === 'again';
  }
}
