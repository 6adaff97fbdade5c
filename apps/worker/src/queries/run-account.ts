import type { QueryProgress } from '#shared/contract/query-document';
import type { JobProgress, RunReport } from '#shared/redis/query-runs';

/**
 * What a run has to tell of itself.
 *
 * | state | entered when | its time counts |
 * |---|---|---|
 * | waiting | at first; a suspect may wait for long | no, and what was told of the query stays |
 * | reading | it may read | yes |
 */
export class RunAccount implements RunReport {
  isProven = false;
  private readProgress: () => QueryProgress;
  private readingSince = Infinity;

  /** @param known What earlier runs got to, in `ranMs` milliseconds. */
  constructor(
    known: QueryProgress,
    private readonly startedAt: number,
    private readonly ranMsBefore: number,
  ) {
    this.readProgress = () => known;
  }

  startReading(): void {
    this.readingSince = performance.now();
  }

  /** @param read Tells the progress from now on. */
  readFrom(read: () => QueryProgress): void {
    this.readProgress = read;
  }

  get progress(): JobProgress {
    return { ...this.readProgress(), startedAt: this.startedAt };
  }

  get ranMs(): number {
    return this.ranMsBefore + Math.max(0, performance.now() - this.readingSince);
  }
}
