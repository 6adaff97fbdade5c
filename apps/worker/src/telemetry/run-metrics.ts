import { Counter, Histogram } from 'prom-client';
import type { QueryOutcome } from '#shared/contract/query-document';
import type { Metrics } from '#shared/process/metrics';

/** From a query over stored days to one over years of entities, in seconds. */
const BUCKETS = [0.1, 0.5, 1, 5, 15, 30, 60, 120, 300, 600, 1_800, 3_600];

/** Metrics of the queries that this worker takes. */
export class RunMetrics {
  private readonly wait: Histogram;
  private readonly run: Histogram<'status'>;
  private readonly days: Counter<'source'>;

  constructor({ registry }: Metrics) {
    const registers = [registry];
    this.wait = new Histogram({
      name: 'audit_query_wait_seconds',
      help: 'From the submission of a query to its first start',
      buckets: BUCKETS,
      registers,
    });
    this.run = new Histogram({
      name: 'audit_query_run_seconds',
      help: 'From the first start of a query to its end, by its status; only queries that a worker ended',
      labelNames: ['status'],
      buckets: BUCKETS,
      registers,
    });
    this.days = new Counter({
      name: 'audit_query_days_total',
      help: 'Days of completed queries: scanned for them, or reused from before they were submitted',
      labelNames: ['source'],
      registers,
    });
    for (const source of ['scanned', 'reused']) this.days.inc({ source }, 0);
  }

  onBegin(waitedMs: number): void {
    this.wait.observe(waitedMs / 1_000);
  }

  onEnd({ status, startedAt, finishedAt, result }: QueryOutcome): void {
    this.run.observe({ status }, (finishedAt - (startedAt ?? finishedAt)) / 1_000);
    if (result === null) return;
    this.days.inc({ source: 'scanned' }, result.daysScanned);
    this.days.inc({ source: 'reused' }, result.daysReused);
  }
}
