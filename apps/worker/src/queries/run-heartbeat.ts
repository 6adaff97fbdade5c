import { Logger } from '@nestjs/common';
import { readReplyCode } from '#shared/redis/redis-client';

/** One beat at a time, the next one due after the last has ended: an absent Redis is not asked twice. */
export class RunHeartbeat {
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
