import { OnWorkerEvent, WorkerHost } from '@nestjs/bullmq';
import { Injectable, Logger } from '@nestjs/common';
import { type Job, UnrecoverableError, WaitingError } from 'bullmq';
import { QueryFailedError } from '#shared/contract/query-failed-error';
import { parseQueryJob, QUERY_ATTEMPTS, type QueryJobPayload } from '#shared/contract/query-job';
import { readReplyCode } from '#shared/redis/redis-client';
import { OutcomePublisher } from './outcome-publisher';
import { Quarantine } from './quarantine';
import { QueryExecution, type TakenQuery } from './query-execution';
import { RunStoppedError } from './run-watch';
import { waitBeforeRetry } from './wait-before-retry';

/** A worker whose request for a job Redis refuses retries within two seconds. */
const REFUSED_FOR_MS = 5_000;

/** BullMQ's edge: takes a job, runs its query, and translates its end into BullMQ's terms. */
@Injectable()
export class QueryProcessor extends WorkerHost {
  private readonly logger = new Logger(QueryProcessor.name);
  private execution: QueryExecution | undefined;
  // BullMQ keeps one signal for each job: when it takes a job again after a lost lock, the first run's signal is gone.
  private readonly runs = new Set<AbortController>();
  // BullMQ takes no job while it runs as many as its concurrency: with 1, none until the last suspect has ended.
  private readonly quarantine = new Quarantine((isOpen) => {
    this.worker.concurrency = isOpen ? (this.worker.opts.concurrency ?? 1) : 1;
    if (isOpen) this.wakeWorker();
  });
  private refusal: { code: string; at: number } | undefined;

  constructor(private readonly publisher: OutcomePublisher) {
    super();
  }

  /** Starts taking jobs; BullMQ's worker is configured not to start by itself. Call once. */
  begin(execution: QueryExecution): void {
    this.execution = execution;
    this.worker.run().catch((error: Error) => this.worker.emit('error', error));
  }

  /** The code of Redis' refusal, while Redis refuses to hand out jobs. */
  get refusalCode(): string | undefined {
    const { refusal } = this;
    return refusal && performance.now() - refusal.at < REFUSED_FOR_MS ? refusal.code : undefined;
  }

  /** Aborts all runs with this reason; their queries return to the queue. */
  cancelRuns(reason: string): void {
    for (const run of this.runs) run.abort(reason);
  }

  override async process(job: Job, token?: string): Promise<void> {
    if (job.id === undefined || token === undefined) throw new UnrecoverableError('NO_TOKEN');
    // Taken in the moment in which the shutdown began and the other jobs were returned.
    if (this.worker.isPaused()) return this.giveBack(job, token);
    const { execution } = this;
    // Impossible after `begin`.
    if (execution === undefined) return this.giveBack(job, token);
    // BullMQ fetched the job before the quarantine closed.
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
      // BullMQ stores the message of what is thrown here with the job and shows it to operators: codes alone.
      if (error instanceof RunStoppedError) {
        this.logger.log({ ...about, code: error.code }, 'a run was stopped');
        throw new UnrecoverableError(error.code);
      }
      this.logger.error({ ...about, err: error }, 'a run failed');
      const isLastAttempt = job.attemptsMade + 1 >= QUERY_ATTEMPTS;
      if (!(error instanceof QueryFailedError) && !isLastAttempt) return this.retry(job, token, error, signal);
      const code = error instanceof QueryFailedError ? error.code : 'QUERY_FAILED';
      try {
        await this.publisher.fail(run, code, signal);
      } catch (cause) {
        if (signal.aborted) return this.giveBack(job, token);
        this.logger.error({ ...about, err: cause }, 'the failure of a query could not be published');
        return this.retry(job, token, cause, signal);
      }
      throw new UnrecoverableError(code);
    }
  }

  /** Waits, then fails this attempt. */
  private async retry(job: Job, token: string, cause: unknown, signal: AbortSignal): Promise<never> {
    try {
      await waitBeforeRetry(job.attemptsMade, signal);
    } catch {
      return this.giveBack(job, token);
    }
    throw new Error('UNEXPECTED', { cause });
  }

  /** Returns the job to the queue. BullMQ counts neither an attempt nor a stall. */
  private async giveBack(job: Job, token: string): Promise<never> {
    await job.moveToWait(token).catch((error: unknown) => {
      // The lock is lost or will expire; then another worker takes the job as stalled.
      this.logger.warn({ queryId: job.id, err: error }, 'a query could not be given back');
    });
    throw new WaitingError();
  }

  /**
   * Makes BullMQ's main loop read its concurrency, which it does only when a run ends or the worker resumes. The two calls
   * are synchronous, so no run sees a paused worker. A worker that drains stays paused.
   */
  private wakeWorker(): void {
    if (this.worker.isPaused()) return;
    void this.worker.pause(true);
    void this.worker.resume();
  }

  @OnWorkerEvent('failed')
  async onFailed(job: Job | undefined): Promise<void> {
    if (job?.id === undefined) return;
    await this.publisher.settle(job.id).catch((error: unknown) => {
      // The next request for the query publishes it.
      this.logger.debug({ queryId: job.id, err: error }, 'the state of a failed job could not be read');
    });
  }

  @OnWorkerEvent('error')
  onError(error: Error): void {
    const code = readReplyCode(error);
    if (code !== undefined) this.refusal = { code, at: performance.now() };
    // The connection logs each outage and refusal once; without this listener BullMQ would print each error.
    this.logger.debug({ err: error }, 'BullMQ reported an error');
  }
}
