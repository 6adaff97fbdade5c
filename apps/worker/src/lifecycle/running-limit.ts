import { Logger } from '@nestjs/common';
import type { Queue } from 'bullmq';
import { retry } from '#shared/process/retry';
import { readReplyCode } from '#shared/redis/redis-client';

const RETRY_AFTER_MS = 1_000;

/**
 * The maximum number of queries that all workers together run at once: BullMQ's global concurrency, which Redis keeps with
 * the queue and BullMQ checks whenever it takes a job. It counts all jobs that workers hold: also a query that waits to
 * run alone, and the query of a lost worker until its lock expires.
 *
 * All workers share one limit. If they are configured with different ones, as during a deploy, the last to start wins.
 */
export class RunningLimit {
  private readonly logger = new Logger(RunningLimit.name);
  private isWritten = false;

  /** @param max Absent: no limit. */
  constructor(
    private readonly queue: Pick<Queue, 'setGlobalConcurrency' | 'removeGlobalConcurrency'>,
    private readonly max: number | undefined,
  ) {}

  /**
   * Writes the limit for all workers. Retries while Redis is unreachable or refuses: then there are no jobs to take either.
   *
   * @throws The signal's reason.
   */
  async decide(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const toDelayMs = (error: unknown) => {
      // The connection logs each refusal of Redis once.
      const level = readReplyCode(error) === undefined ? 'warn' : 'debug';
      this.logger[level]({ err: error }, 'the limit of running queries could not be written; retrying');
      return RETRY_AFTER_MS;
    };
    await retry(() => this.write(), toDelayMs, signal);
    signal.throwIfAborted();
    this.isWritten = true;
  }

  /** Writes the limit again after Redis has lost its data. Does nothing before `decide` has ended. */
  async restore(): Promise<void> {
    if (this.isWritten) await this.write();
  }

  private async write(): Promise<void> {
    if (this.max === undefined) await this.queue.removeGlobalConcurrency();
    else await this.queue.setGlobalConcurrency(this.max);
  }
}
