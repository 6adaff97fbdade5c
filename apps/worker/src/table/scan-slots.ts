/** How the request that a slot was taken for ended; `pressed`: the service said, or showed, that it has too much to do. */
export type SlotEnd = 'served' | 'pressed' | 'faulted' | 'abandoned';

export interface ScanSlot {
  /** Gives the slot back; only the first call counts. */
  release(end: SlotEnd): void;
}

/** What the slots are like at the moment, for whoever watches the process. */
export interface ScanSlotsReading {
  /** Pages that may be in flight now. */
  limit: number;
  inFlight: number;
  waiting: number;
  served: number;
  pressed: number;
  faulted: number;
}

/**
 * Bounds the pages in flight, over all queries of a process; whoever waits longest is next, the urgent before others.
 *
 * The bound follows what the service can do (additive increase, multiplicative decrease, as TCP does): it starts at its
 * ceiling, is halved on a sign of pressure, and grows by one for each time that as many pages as it allows were served.
 * A sign of pressure is a second refusal among as many requests as it allows. A single one is no sign: a service with
 * time to spare refuses one request in a hundred too, and halving for each of those would keep a third of the slots shut.
 */
export class ScanSlots {
  private limit: number;
  private inFlight = 0;
  private readonly waiting = { urgent: new Set<() => void>(), other: new Set<() => void>() };
  private taken = 0;
  private takenAtLastCut = 0;
  private lastPressed = -Infinity;
  private servedSinceStep = 0;
  private served = 0;
  private pressed = 0;
  private faulted = 0;

  constructor(private readonly ceiling: number) {
    this.limit = ceiling;
  }

  /**
   * @param isUrgent Goes before those who are not.
   * @throws The signal's reason when it is aborted while waiting.
   */
  async take(signal: AbortSignal, isUrgent = false): Promise<ScanSlot> {
    signal.throwIfAborted();
    if (this.inFlight >= this.limit) await this.wait(signal, this.waiting[isUrgent ? 'urgent' : 'other']);
    else this.inFlight += 1;
    this.taken += 1;
    const ordinal = this.taken;
    let isReleased = false;
    return {
      release: (end) => {
        if (isReleased) return;
        isReleased = true;
        this.adapt(end, ordinal);
        this.inFlight -= 1;
        this.admit();
      },
    };
  }

  read(): ScanSlotsReading {
    const { limit, inFlight, served, pressed, faulted } = this;
    return { limit, inFlight, waiting: this.waiting.urgent.size + this.waiting.other.size, served, pressed, faulted };
  }

  private adapt(end: SlotEnd, ordinal: number): void {
    if (end === 'served') {
      this.served += 1;
      this.servedSinceStep += 1;
      if (this.servedSinceStep < this.limit || this.limit === this.ceiling) return;
      this.servedSinceStep = 0;
      this.limit += 1;
    } else if (end === 'pressed') {
      this.pressed += 1;
      const distance = Math.abs(ordinal - this.lastPressed);
      this.lastPressed = ordinal;
      // Requests that were under way at the last cut tell of the time before it: one wave of refusals is one cut.
      if (ordinal <= this.takenAtLastCut || distance > this.limit) return;
      this.takenAtLastCut = this.taken;
      this.servedSinceStep = 0;
      this.limit = Math.max(1, Math.floor(this.limit / 2));
    } else if (end === 'faulted') {
      this.faulted += 1;
    }
  }

  private wait(signal: AbortSignal, waiting: Set<() => void>): Promise<void> {
    return new Promise((resolve, reject) => {
      const turn = () => {
        signal.removeEventListener('abort', leave);
        resolve();
      };
      const leave = () => {
        waiting.delete(turn);
        reject(signal.reason as Error);
      };
      waiting.add(turn);
      signal.addEventListener('abort', leave, { once: true });
    });
  }

  private admit(): void {
    for (const waiting of [this.waiting.urgent, this.waiting.other]) {
      for (const turn of waiting) {
        if (this.inFlight >= this.limit) return;
        waiting.delete(turn);
        this.inFlight += 1;
        turn();
      }
    }
  }
}
