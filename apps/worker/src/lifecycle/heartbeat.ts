import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import { Logger, type OnModuleDestroy } from '@nestjs/common';
import type { RunningQuery, WorkerBeat } from '#shared/contract/worker-beat';
import { readReplyCode } from '#shared/redis/redis-client';
import { BEAT_MS, type WorkerBeats } from '#shared/redis/worker-beats';

/** Reports to Redis every few seconds that this process lives and which queries it runs. A failed beat has no other effect. */
export class Heartbeat implements OnModuleDestroy {
  private readonly logger = new Logger(Heartbeat.name);
  private readonly timer: NodeJS.Timeout;
  private isBeating = false;
  private isUnknown = false;

  /** @param onUnknown Called when Redis had no record of this process; if it rejects, called again with the next beat. */
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

  /** One beat at a time, so that beats do not pile up while Redis is unreachable. */
  private async beat(): Promise<void> {
    if (this.isBeating) return;
    this.isBeating = true;
    try {
      const wasUnknown = await this.beats.beat({ ...this.worker, queries: this.readQueries() });
      this.isUnknown ||= wasUnknown;
      if (!this.isUnknown) return;
      await this.onUnknown();
      this.isUnknown = false;
    } catch (error) {
      // The connection logs each refusal of Redis once.
      this.logger[readReplyCode(error) === undefined ? 'warn' : 'debug']({ err: error }, 'a beat failed');
    } finally {
      this.isBeating = false;
    }
  }
}

/** The identity of this process among the workers; a new one at each start. */
export function createWorkerIdentity(): Omit<WorkerBeat, 'queries'> {
  return {
    id: randomBytes(8).toString('hex'),
    host: hostname(),
    pid: process.pid,
    startedAt: Date.now(),
    version: readVersion(),
  };
}

/** The version in the nearest `package.json` above this file, from whatever folder it runs. */
function readVersion(folder = __dirname): string {
  const file = join(folder, 'package.json');
  if (existsSync(file)) return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
  return dirname(folder) === folder ? 'unknown' : readVersion(dirname(folder));
}
