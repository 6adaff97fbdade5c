import { Logger } from '@nestjs/common';
import { QueryFailedError } from '#shared/contract/query-failed-error';
import type { RunVerdict } from '#shared/redis/query-runs';
import { readReplyCode } from '#shared/redis/redis-client';

/** The run must stop: its query has an outcome, or another run has taken its place. */
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
  /** The interval between heartbeats. */
  everyMs: number;
  /** Stores the progress of the run. @returns Whether it may continue. */
  beat: () => Promise<RunVerdict>;
}

/** Watches a run until it ends: its heartbeat, its time limit, and the signal that stops it for any reason. */
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

  /** Aborted with QueryFailedError QUERY_TIME_LIMIT, a RunStoppedError, or the reason of the shutdown. */
  get signal(): AbortSignal {
    return this.stop.signal;
  }

  /** Starts the time limit. Call once, when the query begins to read. */
  limitTo(limitMs: number): void {
    const overdue = () =>
      this.stop.abort(new QueryFailedError('QUERY_TIME_LIMIT', 'the query exceeded its time limit'));
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

/** One beat at a time, each due an interval after the last one ended, so that beats do not pile up without Redis. */
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

  /** Ends the wait for the next beat. Does nothing during a beat. */
  beatNow(): void {
    this.wake();
  }

  /** Stops the beats. @returns When a beat that is running has ended. */
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
        // The connection logs each refusal of Redis once.
        const level = readReplyCode(error) === undefined ? 'warn' : 'debug';
        this.logger[level]({ queryId: this.queryId, err: error }, 'a heartbeat failed');
      });
      // Stopped during the beat: a wait that began now would not be woken.
      if (this.isStopped) return;
    }
  }
}
