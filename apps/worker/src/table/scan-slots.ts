/** How the request that a slot was taken for ended. */
export type SlotEnd = 'served' | 'pressed' | 'faulted' | 'abandoned';

export interface ScanSlot {
  /** Gives the slot back; only the first call counts. */
  release(end: SlotEnd): void;
}

/** Bounds the pages in flight, over all queries of a process; whoever waits longest is next. */
export class ScanSlots {
  private inFlight = 0;
  private readonly waiting = new Set<() => void>();

  constructor(private readonly limit: number) {}

  /** @throws The signal's reason when it is aborted while waiting. */
  async take(signal: AbortSignal): Promise<ScanSlot> {
    signal.throwIfAborted();
    if (this.inFlight >= this.limit) await this.wait(signal);
    else this.inFlight += 1;
    let released = false;
    return {
      release: () => {
        if (released) return;
        released = true;
        this.pass();
      },
    };
  }

  private wait(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const turn = () => {
        signal.removeEventListener('abort', leave);
        resolve();
      };
      const leave = () => {
        this.waiting.delete(turn);
        reject(signal.reason as Error);
      };
      this.waiting.add(turn);
      signal.addEventListener('abort', leave, { once: true });
    });
  }

  /** Gives a slot that has become free to whoever waits longest. */
  private pass(): void {
    const [next] = this.waiting;
    if (next === undefined) {
      this.inFlight -= 1;
    } else {
      this.waiting.delete(next);
      next();
    }
  }
}
