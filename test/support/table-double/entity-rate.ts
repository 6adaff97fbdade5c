export interface RateLimits {
  readonly partitionEntitiesPerSecond: number;
  readonly accountEntitiesPerSecond: number;
  /** Sent as `Retry-After` with the 503; absent by default, as from the service. */
  readonly retryAfterSeconds?: number;
}

/** learn.microsoft.com, "Scalability and performance targets for Table storage". */
export const DOCUMENTED_RATE_LIMITS: RateLimits = {
  partitionEntitiesPerSecond: 2_000,
  accountEntitiesPerSecond: 20_000,
};

/**
 * Token buckets for the account and for each partition, each with the tokens of one second at most. A page is allowed
 * while its buckets are not empty, and may overdraw them, so that the rate is exact in the long run.
 */
export class EntityRate {
  private readonly account: Bucket;
  private readonly partitions = new Map<string, Bucket>();

  constructor(
    private readonly limits: RateLimits,
    private readonly nowMs: () => number,
  ) {
    this.account = new Bucket(limits.accountEntitiesPerSecond, nowMs());
  }

  /** Whether a page with these rows by partition is allowed; if so, charges them. */
  admit(rowsPerPartition: ReadonlyMap<string, number>): boolean {
    const now = this.nowMs();
    const charges: [Bucket, number][] = [];
    for (const [key, rows] of rowsPerPartition) {
      let bucket = this.partitions.get(key);
      if (!bucket) this.partitions.set(key, (bucket = new Bucket(this.limits.partitionEntitiesPerSecond, now)));
      charges.push([bucket, rows], [this.account, rows]);
    }
    if (charges.some(([bucket]) => bucket.level(now) <= 0)) return false;
    for (const [bucket, rows] of charges) bucket.spend(rows);
    return true;
  }
}

class Bucket {
  private tokens: number;

  constructor(
    private readonly perSecond: number,
    private filledAtMs: number,
  ) {
    this.tokens = perSecond;
  }

  level(nowMs: number): number {
    const refill = ((nowMs - this.filledAtMs) / 1_000) * this.perSecond;
    this.tokens = Math.min(this.perSecond, this.tokens + refill);
    this.filledAtMs = nowMs;
    return this.tokens;
  }

  spend(tokens: number): void {
    this.tokens -= tokens;
  }
}
