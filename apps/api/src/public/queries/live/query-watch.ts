import { setTimeout as delay } from 'node:timers/promises';
import type { QueryState } from '#shared/contract/query-document';
import { RecordUnreadableError } from '#shared/redis/unreadable-record';

/** @param state Undefined: the query is gone, or its record is unreadable. */
export type Listener = (state: QueryState | undefined) => void;

/** `changes`: called for every change. `end`: called for the end alone, before which the query is not read. */
export type Interest = 'changes' | 'end';

interface Watched {
  listeners: Map<Listener, Interest>;
  isReading: boolean;
  /** Counts what asked for a read. A read that began before the last one is out of date. */
  requests: number;
  /** When the query was last heard of, on this process' own clock. */
  knownAt: number;
}

/** Short for a client that waits, long for a Redis that has not recovered. */
const RETRY_MS = 500;

/** Calls the listeners of a query when it changes. A query that has changed is read once for all of its listeners. */
export class QueryWatch {
  private readonly watched = new Map<string, Watched>();

  constructor(
    private readonly read: (id: string) => Promise<QueryState | undefined>,
    private readonly retryMs = RETRY_MS,
  ) {}

  get listenerCount(): number {
    let count = 0;
    for (const { listeners } of this.watched.values()) count += listeners.size;
    return count;
  }

  /**
   * Calls `listener` on changes from now on, and with the current state after messages may have been lost. The caller reads
   * the earlier state itself, after this call.
   *
   * @returns Unsubscribes.
   */
  subscribe(id: string, interest: Interest, listener: Listener): () => void {
    const watched = this.watched.get(id) ?? {
      listeners: new Map(),
      isReading: false,
      requests: 0,
      knownAt: performance.now(),
    };
    this.watched.set(id, watched);
    watched.listeners.set(listener, interest);
    return () => {
      watched.listeners.delete(listener);
      if (watched.listeners.size === 0 && this.watched.get(id) === watched) this.watched.delete(id);
    };
  }

  /** The query has changed and has not ended. */
  onChange(id: string): void {
    const watched = this.watched.get(id);
    if (watched === undefined) return;
    watched.knownAt = performance.now();
    if ([...watched.listeners.values()].includes('changes')) this.requestRead(id, watched);
  }

  /**
   * The query has ended. A read that is under way is out of date.
   *
   * @param read The terminal state; undefined if the message is unreadable, in which case the query is read.
   */
  onEnd(id: string, read: () => QueryState | undefined): void {
    const watched = this.watched.get(id);
    if (watched === undefined) return;
    const state = read();
    if (state === undefined) return this.requestRead(id, watched);
    this.end(id, watched, state);
  }

  /** Reads every query that has listeners: any of them may have changed or ended. */
  readAll(): void {
    for (const [id, watched] of this.watched) this.requestRead(id, watched);
  }

  /**
   * Reads the queries without a message for `quietMs`. A message is lost when its sender dies before it sends: a job that
   * BullMQ fails by itself, in a worker that is killed just then, sends none at all.
   */
  readQuiet(quietMs: number): void {
    const before = performance.now() - quietMs;
    for (const [id, watched] of this.watched) if (watched.knownAt <= before) this.requestRead(id, watched);
  }

  private end(id: string, watched: Watched, state: QueryState | undefined): void {
    this.watched.delete(id);
    for (const listener of watched.listeners.keys()) listener(state);
  }

  private requestRead(id: string, watched: Watched): void {
    watched.requests += 1;
    if (!watched.isReading) void this.readUntilCurrent(id, watched);
  }

  private async readUntilCurrent(id: string, watched: Watched): Promise<void> {
    watched.isReading = true;
    let answered: number;
    do {
      answered = watched.requests;
      try {
        const state = await this.read(id);
        if (this.watched.get(id) !== watched) return;
        watched.knownAt = performance.now();
        for (const listener of watched.listeners.keys()) listener(state);
      } catch (error) {
        if (this.watched.get(id) !== watched) return;
        // No later read would succeed. The listeners read the query themselves, and fail.
        if (error instanceof RecordUnreadableError) return this.end(id, watched, undefined);
        // The subscriber's connection announces that Redis is back, perhaps before the connection that reads is ready.
        await delay(this.retryMs, undefined, { ref: false });
        if (this.watched.get(id) !== watched) return;
        watched.requests += 1;
      }
    } while (answered !== watched.requests);
    watched.isReading = false;
  }
}
