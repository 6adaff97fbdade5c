import { QueryFailedError } from '#shared/contract/query-failed-error';
import type { RunVerdict } from '#shared/redis/query-runs';
import { RunHeartbeat } from './run-heartbeat';
import { RunStoppedError } from './run-stopped-error';

export interface RunWatchOptions {
  queryId: string;
  /** How often it beats, in milliseconds. */
  everyMs: number;
  /** Stores how far the run is, and finds out whether it may go on. */
  beat: () => Promise<RunVerdict>;
}

/** What goes on beside a run until it ends: its heartbeat, its time limit, and the signal that stops it for any reason. */
export class RunWatch {
  private readonly stop = new AbortController();
  private limit: NodeJS.Timeout | undefined;
  private readonly heartbeat: RunHeartbeat;
  private readonly onAbort = () => this.stop.abort(this.worker.reason);

  /** @param worker Stops all runs of the process. */
  constructor(
    { queryId, everyMs, beat }: RunWatchOptions,
    private readonly worker: AbortSignal,
  ) {
    worker.addEventListener('abort', this.onAbort, { once: true });
    // It tells that only once.
    if (worker.aborted) this.onAbort();
    this.heartbeat = new RunHeartbeat(queryId, everyMs, async () => {
      const verdict = await beat();
      if (verdict !== 'go on') this.stop.abort(new RunStoppedError(verdict));
    });
  }

  /** Aborted with QueryFailedError QUERY_TIME_LIMIT, RunStoppedError or the reason of the process. */
  get signal(): AbortSignal {
    return this.stop.signal;
  }

  /** How long the query may go on from now, in milliseconds. Call once, when it begins to do what it is there for. */
  limitTo(limitMs: number): void {
    const overdue = () =>
      this.stop.abort(new QueryFailedError('QUERY_TIME_LIMIT', 'the query ran into its time limit'));
    this.limit = setTimeout(overdue, limitMs);
  }

  beatNow(): void {
    this.heartbeat.beatNow();
  }

  async end(): Promise<void> {
    clearTimeout(this.limit);
    this.worker.removeEventListener('abort', this.onAbort);
    await this.heartbeat.stop();
  }
}
