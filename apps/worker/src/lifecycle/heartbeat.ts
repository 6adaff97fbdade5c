import { Logger, type OnModuleDestroy } from '@nestjs/common';
import type { RunningQuery, WorkerBeat } from '#shared/contract/worker-beat';
import { readReplyCode } from '#shared/redis/redis-client';
import { BEAT_MS, type WorkerBeats } from '#shared/redis/worker-beats';

/** Says again and again that this process lives, and which queries it runs. A beat that fails costs nothing else. */
export class Heartbeat implements OnModuleDestroy {
  private readonly logger = new Logger(Heartbeat.name);
  private readonly timer: NodeJS.Timeout;
  private isUnderWay = false;
  private isUnknown = false;

  /** @param onUnknown Told when Redis knew nothing of this process; again with the next beat, where that fails. */
  constructor(
    private readonly beats: Pick<WorkerBeats, 'beat' | 'end'>,
    private readonly worker: Omit<WorkerBeat, 'queries'>,
    private readonly readQueries: () => RunningQuery[],
    private readonly onUnknown: () => Promise<void>,
  ) {
    this.timer = setInterval(() => void this.beat(), BEAT_MS);
    void this.beat();
  }

  async onModuleDestroy(): Promise<void> {
    clearInterval(this.timer);
    await this.beats.end(this.worker.id).catch((error: unknown) => this.logger.debug(String(error)));
  }

  /** One at a time: an absent Redis is not asked twice. */
  private async beat(): Promise<void> {
    if (this.isUnderWay) return;
    this.isUnderWay = true;
    try {
      const isNews = await this.beats.beat({ ...this.worker, queries: this.readQueries() });
      this.isUnknown ||= isNews;
      if (!this.isUnknown) return;
      await this.onUnknown();
      this.isUnknown = false;
    } catch (error) {
      // The connection logs what Redis refuses, once.
      this.logger[readReplyCode(error) === undefined ? 'warn' : 'debug']({ err: error }, 'a beat failed');
    } finally {
      this.isUnderWay = false;
    }
  }
}
