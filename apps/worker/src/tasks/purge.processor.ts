import { OnWorkerEvent, WorkerHost } from '@nestjs/bullmq';
import { Injectable, Logger } from '@nestjs/common';
import { type Job, UnrecoverableError, WaitingError } from 'bullmq';
import { readPurgePayload, readPurgeProgress } from '#shared/contract/purge-job';
import { CallerQueries } from '#shared/redis/caller-queries';
import { QueryPurge } from '#shared/redis/query-purge';
import { QueryStates } from '#shared/redis/query-states';
import { untilTaken } from '#shared/redis/retry-commands';
import { waitBeforeRetry } from '../queries/wait-before-retry';
import { type PurgePorts, purgeQueries } from './purge-queries';

/** BullMQ's edge: takes a purge and continues it where an earlier run ended. */
@Injectable()
export class PurgeProcessor extends WorkerHost {
  private readonly logger = new Logger(PurgeProcessor.name);
  private readonly ports: PurgePorts;

  constructor(callers: CallerQueries, states: QueryStates, purge: QueryPurge) {
    super();
    this.ports = { queries: callers.ofAll(), states, purge };
  }

  /** Starts taking purges. Call once. */
  begin(): void {
    this.worker.run().catch((error: Error) => this.worker.emit('error', error));
  }

  // BullMQ passes a signal only to a method with three plain parameters.
  override async process(job: Job, token?: string, signal?: AbortSignal): Promise<void> {
    const payload = readPurgePayload(job.name, job.data);
    if (payload === undefined || signal === undefined) throw new UnrecoverableError('PURGE_INVALID');
    try {
      const store = (progress: object) => job.updateProgress(progress);
      const purge = () => purgeQueries(payload, this.ports, readPurgeProgress(job.progress), store, signal);
      await untilTaken(purge, signal);
    } catch (error) {
      if (signal.aborted) return this.giveBack(job, token);
      this.logger.error({ purgeId: job.id, err: error }, 'a purge failed');
      const isLastAttempt = job.attemptsMade + 1 >= (job.opts.attempts ?? 1);
      try {
        if (!isLastAttempt) await waitBeforeRetry(job.attemptsMade, signal);
      } catch {
        return this.giveBack(job, token);
      }
      // BullMQ stores the message with the job and shows it to operators: a code alone.
      throw new Error('UNEXPECTED', { cause: error });
    }
  }

  /** Returns the job to the queue, because the process shuts down. */
  private async giveBack(job: Job, token: string | undefined): Promise<never> {
    await job.moveToWait(token).catch((error: unknown) => {
      // The lock is lost or will expire; then another worker takes the job as stalled.
      this.logger.warn({ purgeId: job.id, err: error }, 'a purge could not be given back');
    });
    throw new WaitingError();
  }

  @OnWorkerEvent('error')
  onError(error: Error): void {
    // The connection logs outages once; without this listener BullMQ would print each error.
    this.logger.debug(error.message);
  }
}
