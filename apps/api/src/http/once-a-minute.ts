const MINUTE_MS = 60_000;

/** Bounds log entries that anyone can cause, without a credential: one a minute of each kind. */
export class OnceAMinute {
  private readonly lastAt = new Map<string, number>();

  /** @param kind One of few; each is kept for good. */
  isDue(kind: string): boolean {
    const now = performance.now();
    if (now - (this.lastAt.get(kind) ?? -Infinity) < MINUTE_MS) return false;
    this.lastAt.set(kind, now);
    return true;
  }
}
