import { Counter, Gauge, Histogram } from 'prom-client';
import type { Metrics } from '#shared/process/metrics';
import type { PageSource } from '../queries/day-scan';
import type { PageObserver } from '../table/page-reader';
import type { ScanSlots } from '../table/scan-slots';
import type { TableFault } from '../table/table-fault';

/** From a page of an idle table to one that was retried until its limit, in seconds. */
const BUCKETS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 30, 120];

/** Metrics of reading the table. Codes are a closed set; no label contains a day, a query or a caller. */
export class TableMetrics implements PageObserver {
  private readonly pages: Histogram;
  private readonly entities: Counter;
  private readonly faults: Counter<'code'>;
  private readonly retries: Counter<'code'>;

  constructor({ registry }: Metrics, slots: ScanSlots) {
    const registers = [registry];
    this.pages = new Histogram({
      name: 'audit_query_page_seconds',
      help: 'Duration of a page, with its wait for a slot and all attempts; the count is the number of pages',
      buckets: BUCKETS,
      registers,
    });
    this.entities = new Counter({ name: 'audit_query_entities_total', help: 'Entities on these pages', registers });
    this.faults = new Counter({
      name: 'audit_query_table_faults_total',
      help: 'Requests to the table that returned no page, by code; TABLE_THROTTLED: it was too busy',
      labelNames: ['code'],
      registers,
    });
    this.retries = new Counter({
      name: 'audit_query_page_retries_total',
      help: 'Retries of pages, by the code of the fault before',
      labelNames: ['code'],
      registers,
    });
    observeSlots(registry, slots);
  }

  onFault({ code }: TableFault): void {
    this.faults.inc({ code });
  }

  onRetry({ code }: TableFault): void {
    this.retries.inc({ code });
  }

  /** Returns the same source, measured. */
  measure(source: PageSource): PageSource {
    return {
      read: async (range, after, signal) => {
        const begun = performance.now();
        const page = await source.read(range, after, signal);
        this.pages.observe((performance.now() - begun) / 1_000);
        this.entities.inc(page.identifiers.length + page.entitiesWithoutIdentifier);
        return page;
      },
    };
  }
}

function observeSlots(registry: Metrics['registry'], slots: ScanSlots): void {
  const registers = [registry];
  new Gauge({
    name: 'audit_query_scan_slots',
    help: 'Pages that may be in flight now (limit), are in flight (in_flight), or wait for a slot (waiting)',
    labelNames: ['state'],
    registers,
    collect() {
      const { limit, inFlight, waiting } = slots.read();
      this.set({ state: 'limit' }, limit);
      this.set({ state: 'in_flight' }, inFlight);
      this.set({ state: 'waiting' }, waiting);
    },
  });
  new Counter({
    name: 'audit_query_scan_requests_total',
    help: 'Requests for pages by their end: served, pressed (the table was too busy or too slow), faulted',
    labelNames: ['end'],
    registers,
    collect() {
      const { served, pressed, faulted } = slots.read();
      this.reset();
      this.inc({ end: 'served' }, served);
      this.inc({ end: 'pressed' }, pressed);
      this.inc({ end: 'faulted' }, faulted);
    },
  });
}
