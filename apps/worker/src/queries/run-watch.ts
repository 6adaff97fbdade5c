import { Logger } from '@nestjs/common';
import { QueryFailedError } from '#shared/contract/query-failed-error';
import type { RunVerdict } from '#shared/redis/query-runs';
import { readReplyCode } from '#shared/redis/redis-script';

/** The run has no business any more: its query has an outcome, or another run has taken its place. */
export class RunStoppedError extends Error {
  override readonly name = 'RunStoppedError';
  readonly code: 'QUERY_TERMINATED' | 'LOCK_LOST';

  constructor(verdict: Exclude<RunVerdict, 'go on'>) {
    super(`the run was stopped: ${verdict}`);
    this.code = verdict === 'ended' ? 'QUERY_TERMINATED' : 'LOCK_LOST';
  }
}

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
  private readonly onAbort = () => this.stop.abort(this.shutdown.reason);

  /** @param shutdown Aborted when the process stops all its runs. */
  constructor(
    { queryId, everyMs, beat }: RunWatchOptions,
    private readonly shutdown: AbortSignal,
  ) {
    shutdown.addEventListener('abort', this.onAbort, { once: true });
    // A signal that is aborted already emits no event.
    if (shutdown.aborted) this.onAbort();
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
    this.shutdown.removeEventListener('abort', this.onAbort);
    await this.heartbeat.stop();
  }
}

/** One beat at a time, the next one due after the last has ended: an absent Redis is not asked twice. */
class RunHeartbeat {
  private readonly logger = new Logger(RunHeartbeat.name);
  private readonly beating: Promise<void>;
  private isStopped = false;
  private wake = () => {};

  constructor(
    private readonly queryId: string,
    private readonly everyMs: number,
    private readonly beat: () => Promise<void>,
  ) {
    this.beating = this.run();
  }

  /** Ends the wait for the next beat; nothing while one is under way. */
  beatNow(): void {
    this.wake();
  }

  /** Waits for a beat that is under way; there is none after it. */
  stop(): Promise<void> {
    this.isStopped = true;
    this.wake();
    return this.beating;
  }

  private async run(): Promise<void> {
    for (;;) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, this.everyMs);
        this.wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      if (this.isStopped) return;
      await this.beat().catch((error: unknown) => {
        // The connection logs what Redis refuses, once.
        const level = readReplyCode(error) === undefined ? 'warn' : 'debug';
        this.logger[level]({ queryId: this.queryId, err: error }, 'a heartbeat failed');
      });
      // Told to stop meanwhile: there is nobody to wake it again.
      if (this.isStopped) return;
    }
  }
}
