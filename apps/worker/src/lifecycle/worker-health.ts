import type { Redis } from 'ioredis';
import { findRedisProblem } from '#shared/redis/redis-health';
import type { QueryProcessor } from '../queries/query.processor';
import type { PageReader } from '../table/page-reader';

/** A probe every few seconds from every container would be load on the table for no news. */
const TABLE_PROBE_MAX_AGE_MS = 15_000;

/** Longer, and the platform's own probe has given up. */
const TABLE_PROBE_LIMIT_MS = 3_000;

export class WorkerHealth {
  private tableProbe: { at: number; state: Promise<string> } | undefined;

  constructor(
    private readonly redis: Redis,
    private readonly processor: QueryProcessor,
    private readonly pages: PageReader,
  ) {}

  async check(): Promise<Record<'redis' | 'queue' | 'table', string>> {
    const [redis, table] = await Promise.all([findRedisProblem(this.redis), this.checkTable()]);
    const { worker } = this.processor;
    const takesJobs = worker.isRunning() && !worker.isPaused();
    return { redis: redis ?? 'ok', queue: takesJobs ? 'ok' : 'not taking jobs', table };
  }

  private checkTable(): Promise<string> {
    const { tableProbe } = this;
    if (tableProbe !== undefined && performance.now() - tableProbe.at < TABLE_PROBE_MAX_AGE_MS) return tableProbe.state;
    const state = this.probeTable();
    this.tableProbe = { at: performance.now(), state };
    return state;
  }

  private async probeTable(): Promise<string> {
    const code = await this.pages.probe(AbortSignal.timeout(TABLE_PROBE_LIMIT_MS));
    // Good news keeps; bad news is looked at again by the next probe.
    if (code !== undefined) this.tableProbe = undefined;
    return code ?? 'ok';
  }
}
