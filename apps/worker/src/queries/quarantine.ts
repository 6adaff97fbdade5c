/** The place of one run among the runs of its process. */
export interface Stay {
  /**
   * Resolves when no other run is left; no run can enter until this one has left. Call once.
   *
   * @throws The signal's reason, when it is aborted first; the stay lasts until `leave`.
   */
  becomeAlone: (signal: AbortSignal) => Promise<void>;
  /** Opens the quarantine beside a run that is no longer a suspect. Does nothing for a run that is not alone. */
  acceptCompany: () => void;
  /** Call once, however the run has ended. */
  leave(): void;
}

/**
 * Separates a query that may crash its process from all other queries of the process.
 *
 * | state | entered when | runs | left by |
 * |---|---|---|---|
 * | open | at first | any number | a run asks to be alone |
 * | closed | a run asks to be alone | the others until they leave, then the suspects one after the other | the last suspect leaves, or accepts company |
 */
export class Quarantine {
  /** The runs that asked to be alone, in order, each as the function that resolves its wait. The first is alone, or next. */
  private readonly suspects: (() => void)[] = [];
  private inCompany = 0;

  /** @param onChange Called when the quarantine closes and when it opens again. */
  constructor(private readonly onChange: (isOpen: boolean) => void) {}

  /** @returns Undefined while the quarantine is closed. */
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

  /** Resolves the wait of the first suspect; no effect if it is resolved already. */
  private giveTurn(): void {
    if (this.inCompany === 0) this.suspects[0]?.();
  }
}
