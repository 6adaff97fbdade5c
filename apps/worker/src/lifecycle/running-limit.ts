import { setTimeout as delay } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import type { Queue } from 'bullmq';
import { readReplyCode } from '#shared/redis/redis-client';

const AGAIN_AFTER_MS = 1_000;

/**
 * How many queries all workers together run at once, at the most: BullMQ's global concurrency, which is kept in Redis with
 * the queue and looked at whenever a job is taken. What it counts is what workers hold: also a query that waits to be run
 * alone, and one whose worker was lost, until its lock has run out.
 *
 * There is one for all workers: of those that are told different ones, as in a deploy, the last to begin decides.
 */
export class RunningLimit {
  private readonly logger = new Logger(RunningLimit.name);
  private isDecided = false;

  /** @param max Without it there is no bound. */
  constructor(
    private readonly queue: Pick<Queue, 'setGlobalConcurrency' | 'removeGlobalConcurrency'>,
    private readonly max: number | undefined,
  ) {}

  /**
   * Decides for all workers. Waits for a Redis that is away or refuses, which would give no job either.
   *
   * @throws The signal's reason.
   */
  async decide(signal: AbortSignal): Promise<void> {
    for (;;) {
      signal.throwIfAborted();
      try {
        await this.write();
        break;
      } catch (error) {
        // The connection logs what Redis refuses, once.
        const level = readReplyCode(error) === undefined ? 'warn' : 'debug';
        this.logger[level]({ err: error }, 'how many queries may run could not be told to Redis; trying again');
        await delay(AGAIN_AFTER_MS, undefined, { signal }).catch(() => signal.throwIfAborted());
      }
    }
    signal.throwIfAborted();
    this.isDecided = true;
  }

  /** For a Redis that has lost its data, and this with them; nothing where this process has not decided yet. */
  async restore(): Promise<void> {
    if (this.isDecided) await this.write();
  }

  private async write(): Promise<void> {
    if (this.max === undefined) await this.queue.removeGlobalConcurrency();
    else await this.queue.setGlobalConcurrency(this.max);
  }
}
