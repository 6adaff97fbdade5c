import type { RedisClient } from '#shared/redis/redis-client';
import { findRedisProblem, type RedisExpectations, type RedisProblem } from '#shared/redis/redis-health';
import type { QueryProcessor } from '../queries/query.processor';
import type { PageReader } from '../table/page-reader';
import type { WorkerStart } from './worker-start';

/** A probe every few seconds from every container would be load on the table for no news. */
const TABLE_PROBE_MAX_AGE_MS = 15_000;

/** Longer, and the platform's own probe has given up. */
const TABLE_PROBE_LIMIT_MS = 3_000;

interface Health {
  checks: Record<'redis' | 'queue' | 'secrets' | 'table', string>;
  /** Which secrets are missing, and why, for people. */
  missing?: string[];
}

export class WorkerHealth {
  private tableProbe: { at: number; state: Promise<string> } | undefined;

  constructor(
    private readonly redis: RedisClient,
    private readonly processor: QueryProcessor,
    private readonly start: WorkerStart,
    private readonly config: RedisExpectations,
  ) {}

  async check(): Promise<Health> {
    const { pages, missing } = this.start;
    const [redis, table] = await Promise.all([
      findRedisProblem(this.redis, this.config),
      pages === undefined ? 'waiting for secrets' : this.checkTable(pages),
    ]);
    const { worker } = this.processor;
    const takesJobs = worker.isRunning() && !worker.isPaused();
    const checks = {
      redis: toState(redis),
      queue: takesJobs ? 'ok' : 'not taking jobs',
      secrets: pages === undefined ? (missing[0]?.code ?? 'being read') : 'ok',
      table,
    };
    if (missing.length === 0) return { checks };
    return { checks, missing: missing.map(({ code, message }) => `${code}: ${message}`) };
  }

  private checkTable(pages: PageReader): Promise<string> {
    const { tableProbe } = this;
    if (tableProbe !== undefined && performance.now() - tableProbe.at < TABLE_PROBE_MAX_AGE_MS) return tableProbe.state;
    const state = this.probeTable(pages);
    this.tableProbe = { at: performance.now(), state };
    return state;
  }

  private async probeTable(pages: PageReader): Promise<string> {
    const code = await pages.probe(AbortSignal.timeout(TABLE_PROBE_LIMIT_MS));
    // Good news keeps; bad news is looked at again by the next probe.
    if (code !== undefined) this.tableProbe = undefined;
    return code ?? 'ok';
  }
}

function toState(problem: RedisProblem | undefined): string {
  if (typeof problem === 'object') return `unfit: lacks ${problem.missing}`;
  return problem === 'untold' ? 'untold: see ASSUME_NOEVICTION' : (problem ?? 'ok');
}
