import { OnWorkerEvent, WorkerHost } from '@nestjs/bullmq';
import { Injectable, Logger } from '@nestjs/common';
import { type Job, UnrecoverableError, WaitingError } from 'bullmq';
import { parseQueryJob, QUERY_ATTEMPTS, type QueryJobPayload } from '#shared/contract/query-job';
import { QueryFailedError } from '#shared/contract/query-failed-error';
import { readReplyCode } from '#shared/redis/redis-client';
import { waitBeforeRetry } from '../lifecycle/wait-before-retry';
import { Quarantine } from './quarantine';
import { QueryExecution, type TakenQuery } from './query-execution';
import { RunStoppedError } from './run-stopped-error';

/** A worker that is refused a job tries again within two seconds. */
const REFUSED_FOR_MS = 5_000;

/** BullMQ's edge: takes a job, runs its query, and says in BullMQ's terms how that ended. */
@Injectable()
export class QueryProcessor extends WorkerHost {
  private readonly logger = new Logger(QueryProcessor.name);
  private execution: QueryExecution | undefined;
  // BullMQ's own signals are kept by job: where it takes a job again whose lock was lost, that of the first run is gone.
  private readonly runs = new Set<AbortController>();
  // BullMQ takes no job while it has as many as it may: with one, none until the last suspect has ended.
  private readonly quarantine = new Quarantine((isOpen) => {
    this.worker.concurrency = isOpen ? (this.worker.opts.concurrency ?? 1) : 1;
    if (isOpen) this.wakeWorker();
  });
  private refusal: { code: string; at: number } | undefined;

  /** From here on it takes jobs; none before, since BullMQ is told not to run its worker on its own. Call once. */
  begin(execution: QueryExecution): void {
    this.execution = execution;
    this.worker.run().catch((error: Error) => this.worker.emit('error', error));
  }

  /** The code with which Redis refuses to hand out jobs, while it does. */
  get refusalCode(): string | undefined {
    const { refusal } = this;
    return refusal && performance.now() - refusal.at < REFUSED_FOR_MS ? refusal.code : undefined;
  }

  /** Ends all runs with this reason: their queries are given back to the queue. */
  cancelRuns(reason: string): void {
    for (const run of this.runs) run.abort(reason);
  }

  override async process(job: Job, token?: string): Promise<void> {
    if (job.id === undefined || token === undefined) throw new UnrecoverableError('NO_TOKEN');
    // Taken in the moment in which this process was told to go: the others were given back a moment ago.
    if (this.worker.isPaused()) return this.giveBack(job, token);
    const { execution } = this;
    // Never so, by `begin`.
    if (execution === undefined) return this.giveBack(job, token);
    // BullMQ had asked for it before it was told that a suspect is to be alone.
    const stay = this.quarantine.enter();
    if (stay === undefined) return this.giveBack(job, token);
    const controller = new AbortController();
    this.runs.add(controller);
    try {
      await this.run(job, { id: job.id, token, createdAt: job.timestamp, stay }, execution, controller.signal);
    } finally {
      this.runs.delete(controller);
      stay.leave();
    }
  }

  private async run(
    job: Job,
    run: Omit<TakenQuery, 'payload'>,
    execution: QueryExecution,
    signal: AbortSignal,
  ): Promise<void> {
    const { token } = run;
    const about = { queryId: run.id, caller: (job.data as Partial<QueryJobPayload> | null)?.caller };
    try {
      await execution.complete({ ...run, payload: parseQueryJob(job.name, job.data) }, signal);
    } catch (error) {
      if (signal.aborted) return this.giveBack(job, token);
      // What is thrown from here on is kept with the job and shown to operators: codes alone, no inner text.
      if (error instanceof RunStoppedError) {
        this.logger.log({ ...about, code: error.code }, 'a run was stopped');
        throw new UnrecoverableError(error.code);
      }
      this.logger.error({ ...about, err: error }, 'a run failed');
      const isLastAttempt = job.attemptsMade + 1 >= QUERY_ATTEMPTS;
      if (!(error instanceof QueryFailedError) && !isLastAttempt) return this.retry(job, token, error, signal);
      const code = error instanceof QueryFailedError ? error.code : 'QUERY_FAILED';
      try {
        await execution.fail(run, code, signal);
      } catch (cause) {
        if (signal.aborted) return this.giveBack(job, token);
        this.logger.error({ ...about, err: cause }, 'the failure of a query could not be published');
        return this.retry(job, token, cause, signal);
      }
      throw new UnrecoverableError(code);
    }
  }

  /** Ends an attempt after a while. */
  private async retry(job: Job, token: string, cause: unknown, signal: AbortSignal): Promise<never> {
    try {
      await waitBeforeRetry(job.attemptsMade, signal);
    } catch {
      return this.giveBack(job, token);
    }
    throw new Error('UNEXPECTED', { cause });
  }

  /** Back to the queue: no attempt and no stall is counted for a process that goes away, or has no place for it. */
  private async giveBack(job: Job, token: string): Promise<never> {
    await job.moveToWait(token).catch((error: unknown) => {
      // Its lock is lost or will be; then another worker takes it for stalled.
      this.logger.warn({ queryId: job.id, err: error }, 'a query could not be given back');
    });
    throw new WaitingError();
  }

  /**
   * Has BullMQ look at its concurrency: its main loop does so only when a run ends or the worker is resumed. Nothing
   * happens in between the two calls, so that no run sees a paused worker; one that is paused because it drains stays so.
   */
  private wakeWorker(): void {
    if (this.worker.isPaused()) return;
    void this.worker.pause(true);
    void this.worker.resume();
  }

  @OnWorkerEvent('failed')
  async onFailed(job: Job | undefined): Promise<void> {
    if (job?.id === undefined) return;
    await this.execution?.settle(job.id).catch((error: unknown) => {
      // The next reader of the query does the same.
      this.logger.debug({ queryId: job.id, err: error }, 'a failed job was not looked at');
    });
  }

  @OnWorkerEvent('error')
  onError(error: Error): void {
    const code = readReplyCode(error);
    if (code !== undefined) this.refusal = { code, at: performance.now() };
    // The connection logs outages and refusals, each once; without this listener BullMQ would print each error.
    this.logger.debug({ err: error }, 'BullMQ met an error');
  }
}
