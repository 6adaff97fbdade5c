import type { QueryState } from '#shared/contract/query-document';

/** Undefined: the query is gone. */
type Listener = (state: QueryState | undefined) => void;

interface Watched {
  listeners: Set<Listener>;
  /** A read is under way, and whether the query has changed since it began. */
  reading: 'no' | 'yes' | 'again';
}

/**
 * Tells those who wait for a query of its changes. A query that has changed is read once for all of them.
 */
export class QueryWatch {
  private readonly watched = new Map<string, Watched>();

  constructor(private readonly read: (id: string) => Promise<QueryState | undefined>) {}

  /** How many wait, over all queries. */
  get size(): number {
    let size = 0;
    for (const { listeners } of this.watched.values()) size += listeners.size;
    return size;
  }

  /**
   * Tells `listener` of every change from now on; what was before, it has to read, after this call.
   *
   * @returns What ends it.
   */
  subscribe(id: string, listener: Listener): () => void {
    const watched = this.watched.get(id) ?? { listeners: new Set(), reading: 'no' };
    this.watched.set(id, watched);
    watched.listeners.add(listener);
    return () => {
      watched.listeners.delete(listener);
      if (watched.listeners.size === 0 && this.watched.get(id) === watched) this.watched.delete(id);
    };
  }

  /** The query has changed, or may have. */
  changed(id: string): void {
    const watched = this.watched.get(id);
    if (watched === undefined) return;
    if (watched.reading === 'no') void this.tell(id, watched);
    else watched.reading = 'again';
  }

  /** The query is over, and this is the last that there is to tell: what is being read at the moment comes too late. */
  ended(id: string, read: () => QueryState): void {
    const watched = this.watched.get(id);
    if (watched === undefined) return;
    this.watched.delete(id);
    const state = read();
    for (const listener of watched.listeners) listener(state);
  }

  /** Any query may have changed. */
  allChanged(): void {
    for (const id of this.watched.keys()) this.changed(id);
  }

  private async tell(id: string, watched: Watched): Promise<void> {
    do {
      watched.reading = 'yes';
      try {
        const state = await this.read(id);
        if (this.watched.get(id) !== watched) return;
        for (const listener of watched.listeners) listener(state);
      } catch {
        // Redis is away; its return is told, and all is read then.
      }
    } while (this.isAgain(watched));
    watched.reading = 'no';
  }

  private isAgain({ reading }: Watched): boolean {
    return reading === 'again';
  }
}
