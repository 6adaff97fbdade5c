import { OnWorkerEvent, WorkerHost } from '@nestjs/bullmq';
import { Injectable, Logger } from '@nestjs/common';
import { type Job, UnrecoverableError, WaitingError } from 'bullmq';
import { readPurgePayload, readPurgeProgress } from '#shared/contract/purge-job';
import { untilTaken } from '#shared/redis/retry-commands';
import { waitBeforeRetry } from '../lifecycle/wait-before-retry';
import { type PurgePorts, purgeQueries } from './purge-queries';

/** BullMQ's edge: takes a purge and goes on with it where it was. */
@Injectable()
export class PurgeProcessor extends WorkerHost {
  private readonly logger = new Logger(PurgeProcessor.name);

  constructor(private readonly ports: PurgePorts) {
    super();
  }

  /** From here on it takes purges; none before. Call once. */
  begin(): void {
    this.worker.run().catch((error: Error) => this.worker.emit('error', error));
  }

  // Three plain parameters, without which BullMQ hands over no signal.
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
      // Kept with the job and shown to operators: a code alone.
      throw new Error('UNEXPECTED', { cause: error });
    }
  }

  /** This process goes away. */
  private async giveBack(job: Job, token: string | undefined): Promise<never> {
    await job.moveToWait(token).catch((error: unknown) => {
      // Its lock is lost or will be; then another worker takes it for stalled.
      this.logger.warn({ purgeId: job.id, err: error }, 'a purge could not be given back');
    });
    throw new WaitingError();
  }

  @OnWorkerEvent('error')
  onError(error: Error): void {
    // Outages are told once by the connection's own listener; without this one BullMQ would print each error.
    this.logger.debug(error.message);
  }
}
