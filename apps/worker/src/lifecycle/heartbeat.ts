import { Logger, type OnModuleDestroy } from '@nestjs/common';
import type { RunningQuery, WorkerBeat } from '#shared/contract/worker-beat';
import { BEAT_MS, type WorkerBeats } from '#shared/redis/worker-beats';

/** Says again and again that this process lives, and which queries it runs. A beat that fails costs nothing else. */
export class Heartbeat implements OnModuleDestroy {
  private readonly logger = new Logger(Heartbeat.name);
  private readonly timer: NodeJS.Timeout;
  private isUnderWay = false;

  constructor(
    private readonly beats: WorkerBeats,
    private readonly worker: Omit<WorkerBeat, 'queries'>,
    private readonly readQueries: () => RunningQuery[],
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
      await this.beats.beat({ ...this.worker, queries: this.readQueries() });
    } catch (error) {
      this.logger.warn({ err: error }, 'a beat failed');
    } finally {
      this.isUnderWay = false;
    }
  }
}
