/** The table refuses what is dated more than 15 minutes away from its own time (Authorize with Shared Key, Azure Storage). */
const TOLERATED_MS = 5 * 60_000;

export interface RequestDate {
  /** By how much it is not this machine's time. */
  offsetMs: number;
  headers: Record<string, string>;
}

/**
 * The table's own time, by which requests are dated and signed where this machine's clock is too far off: a query is not
 * to fail for that.
 */
export class TableClock {
  private offsetMs = 0;

  /** The date of a request that is sent now. */
  read(): RequestDate {
    const { offsetMs } = this;
    // None where the signature has this machine's time anyway.
    const headers = offsetMs === 0 ? {} : { 'x-ms-date': new Date(Date.now() + offsetMs).toUTCString() };
    return { offsetMs, headers };
  }

  /**
   * Holds the date of a request that was refused against the `Date` of the reply.
   *
   * @returns Whether it was wrong: another request will have the right one.
   */
  correct({ offsetMs }: RequestDate, date: string | undefined): boolean {
    const rightMs = Date.parse(date ?? '') - Date.now();
    // NaN, of a reply without a date, compares as false.
    if (!(Math.abs(rightMs - offsetMs) > TOLERATED_MS)) return false;
    this.offsetMs = rightMs;
    return true;
  }
}
