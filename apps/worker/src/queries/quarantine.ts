/** The stay of one run among the runs of its process. */
export interface Stay {
  /**
   * Waits until no other run is left, and keeps new ones out until this one has left. Call once.
   *
   * @throws The signal's reason, when it is aborted first; the stay goes on until `leave`.
   */
  becomeAlone: (signal: AbortSignal) => Promise<void>;
  /** Lets others in again, beside a run that is no suspect any more; nothing for one that is not alone. */
  acceptCompany: () => void;
  /** Call once, however the run has ended. */
  leave(): void;
}

/**
 * Keeps what may take its process down away from all else that the process runs.
 *
 * | state | entered when | who is in | left by |
 * |---|---|---|---|
 * | open | at first | any number of runs in company | a run asks to be alone |
 * | closed | a run asks to be alone | those in company until they leave, then one that asked after the other | the last that asked leaves, or accepts company |
 */
export class Quarantine {
  /** Those that asked to be alone, in their order, each by what gives it its turn. The first has it, or is next. */
  private readonly suspects: (() => void)[] = [];
  private inCompany = 0;

  /** @param onChange Told when it is closed, and when it is opened again. */
  constructor(private readonly onChange: (isOpen: boolean) => void) {}

  /** Undefined while it is closed. */
  enter(): Stay | undefined {
    if (this.suspects.length > 0) return undefined;
    this.inCompany += 1;
    let takeTurn: (() => void) | undefined;
    return {
      becomeAlone: (signal) =>
        new Promise((resolve, reject) => {
          signal.throwIfAborted();
          signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
          takeTurn = resolve;
          this.inCompany -= 1;
          if (this.suspects.push(takeTurn) === 1) this.onChange(false);
          this.giveTurn();
        }),
      acceptCompany: () => {
        if (takeTurn === undefined) return;
        this.inCompany += 1;
        this.clear(takeTurn);
        takeTurn = undefined;
      },
      leave: () => {
        if (takeTurn === undefined) this.inCompany -= 1;
        else this.clear(takeTurn);
        this.giveTurn();
      },
    };
  }

  private clear(suspect: () => void): void {
    this.suspects.splice(this.suspects.indexOf(suspect), 1);
    if (this.suspects.length === 0) this.onChange(true);
  }

  /** Whoever has it already hears nothing new. */
  private giveTurn(): void {
    if (this.inCompany === 0) this.suspects[0]?.();
  }
}
