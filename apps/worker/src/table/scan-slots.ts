import type { SlotClaim } from '../queries/day-scan';

/** How the request of a slot ended; `pressed`: the service was overloaded, by its reply or by a timeout. */
export type SlotEnd = 'served' | 'pressed' | 'faulted' | 'abandoned';

export interface ScanSlot {
  /** Frees the slot. Only the first call has an effect. */
  release(end: SlotEnd): void;
}

/** The state of the slots, for metrics. */
export interface ScanSlotsReading {
  /** Pages that may be in flight now. */
  limit: number;
  inFlight: number;
  waiting: number;
  served: number;
  pressed: number;
  faulted: number;
}

/** The slots of a query. */
interface Share {
  inFlight: number;
  /** Lowest for the query that got a slot, or began to wait, longest ago. */
  lastTurn: number;
}

/** A page that waits for a slot. */
interface Waiter {
  claims: Iterable<SlotClaim>;
  /** Ends the wait. The slot counts for this share. */
  begin(share: Share): void;
}

/** The claim of one query to one waiting page. */
interface Candidate {
  waiter: Waiter;
  share: Share;
  isUrgent: boolean;
}

/**
 * Limits the pages in flight over all queries of a process, and shares them between the queries.
 *
 * A free slot goes to the query with a waiting page that has the fewest slots (max-min fairness). So each query has its
 * even share once pages of the others have ended, and the others use the slots that a query does not need. Queries with
 * equally many slots take turns, also when there are more queries than slots. A query that had no waiting page gets no
 * credit: it is last in the round. Within a query urgent pages are first, then those that have waited longest.
 *
 * A page that several queries wait for counts for the query that gets it soonest, so no query depends on the share of
 * another.
 *
 * The limit follows the capacity of the service (additive increase, multiplicative decrease, as in TCP). It starts at its
 * ceiling, is halved on pressure, and grows by one after each round in which as many pages as it allows were served.
 * Pressure is a second refusal among as many requests as the limit allows. A single refusal is not: an idle service too
 * refuses one request in a hundred, and halving for each would keep a third of the slots unused.
 */
export class ScanSlots {
  private limit: number;
  private inFlight = 0;
  private readonly waiting = new Set<Waiter>();
  private readonly shares = new Map<object, Share>();
  private turns = 0;
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
   * @param claims The queries that wait for the page: at least one. Read again for each slot that becomes free.
   * @throws The signal's reason when it is aborted while waiting.
   */
  async take(signal: AbortSignal, claims: Iterable<SlotClaim>): Promise<ScanSlot> {
    signal.throwIfAborted();
    const share = await this.wait(signal, claims);
    this.taken += 1;
    const ordinal = this.taken;
    let isReleased = false;
    return {
      release: (end) => {
        if (isReleased) return;
        isReleased = true;
        this.adapt(end, ordinal);
        this.inFlight -= 1;
        share.inFlight -= 1;
        this.admit();
        if (share.inFlight === 0) this.forgetIdle();
      },
    };
  }

  read(): ScanSlotsReading {
    const { limit, inFlight, served, pressed, faulted } = this;
    return { limit, inFlight, waiting: this.waiting.size, served, pressed, faulted };
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
      // Requests in flight at the last cut show the load before it: one wave of refusals is one cut.
      if (ordinal <= this.takenAtLastCut || distance > this.limit) return;
      this.takenAtLastCut = this.taken;
      this.servedSinceStep = 0;
      this.limit = Math.max(1, Math.floor(this.limit / 2));
    } else if (end === 'faulted') {
      this.faulted += 1;
    }
  }

  private wait(signal: AbortSignal, claims: Iterable<SlotClaim>): Promise<Share> {
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        claims,
        begin: (share) => {
          signal.removeEventListener('abort', leave);
          resolve(share);
        },
      };
      const leave = () => {
        this.waiting.delete(waiter);
        this.forgetIdle();
        reject(signal.reason as Error);
      };
      signal.addEventListener('abort', leave, { once: true });
      this.waiting.add(waiter);
      this.admit();
    });
  }

  private admit(): void {
    while (this.inFlight < this.limit) {
      const next = this.findNext();
      if (next === undefined) break;
      const { waiter, share } = next;
      this.waiting.delete(waiter);
      this.inFlight += 1;
      share.inFlight += 1;
      share.lastTurn = this.nextTurn();
      waiter.begin(share);
    }
  }

  /** The claim that gets the next slot. Pages are examined in the order of their arrival. */
  private findNext(): Candidate | undefined {
    let first: Candidate | undefined;
    for (const waiter of this.waiting) {
      for (const { query, isUrgent } of waiter.claims) {
        const candidate = { waiter, share: this.shareOf(query), isUrgent };
        if (first === undefined || isBefore(candidate, first)) first = candidate;
      }
    }
    return first;
  }

  private shareOf(query: object): Share {
    let share = this.shares.get(query);
    if (share === undefined) this.shares.set(query, (share = { inFlight: 0, lastTurn: this.nextTurn() }));
    return share;
  }

  private nextTurn(): number {
    this.turns += 1;
    return this.turns;
  }

  /** Deletes the shares of queries with no page in flight and no waiting page. */
  private forgetIdle(): void {
    const claiming = new Set<object>();
    for (const { claims } of this.waiting) for (const { query } of claims) claiming.add(query);
    for (const [query, { inFlight }] of this.shares) {
      if (inFlight === 0 && !claiming.has(query)) this.shares.delete(query);
    }
  }
}

function isBefore(a: Candidate, b: Candidate): boolean {
  if (a.share === b.share) return a.isUrgent && !b.isUrgent;
  return (a.share.inFlight - b.share.inFlight || a.share.lastTurn - b.share.lastTurn) < 0;
}
