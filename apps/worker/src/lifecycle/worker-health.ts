import type { RedisClient } from '#shared/redis/redis-client';
import { RedisHealth, type RedisExpectations, type RedisProblem } from '#shared/redis/redis-health';
import type { QueryProcessor } from '../queries/query.processor';
import type { PageReader } from '../table/page-reader';
import type { WorkerStart } from './worker-start';

/** Without a cache, the probes of all containers every few seconds would put load on the table. */
const TABLE_PROBE_MAX_AGE_MS = 15_000;

/** After this the platform's own probe has timed out. */
const TABLE_PROBE_LIMIT_MS = 3_000;

interface Health {
  checks: Record<'redis' | 'queue' | 'secrets' | 'table', string>;
  /** The missing secrets with their reasons, for operators. */
  missing?: string[];
}

export class WorkerHealth {
  private readonly redis: RedisHealth;
  private tableProbe: { at: number; state: Promise<string> } | undefined;

  constructor(
    redis: RedisClient,
    private readonly processor: QueryProcessor,
    private readonly start: WorkerStart,
    expectations: RedisExpectations,
  ) {
    this.redis = new RedisHealth(redis, expectations);
  }

  async check(): Promise<Health> {
    const { pages, missing } = this.start;
    const [redis, table] = await Promise.all([
      this.redis.findProblem(),
      pages === undefined ? 'waiting for secrets' : this.checkTable(pages),
    ]);
    const { worker, refusalCode: code } = this.processor;
    const takesJobs = worker.isRunning() && !worker.isPaused();
    const checks = {
      redis: toState(redis),
      queue: takesJobs ? toState(code === undefined ? undefined : { kind: 'refused', code }) : 'not taking jobs',
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
    // Only a success is cached.
    if (code !== undefined) this.tableProbe = undefined;
    return code ?? 'ok';
  }
}

function toState(problem: RedisProblem | undefined): string {
  if (problem === undefined) return 'ok';
  switch (problem.kind) {
    case 'refused':
      return `refused: ${problem.code}`;
    case 'unfit':
      return `unfit: lacks ${problem.missing}`;
    case 'untold':
      return 'untold: see ASSUME_NOEVICTION';
    case 'unreachable':
    case 'evicting':
      return problem.kind;
  }
}
