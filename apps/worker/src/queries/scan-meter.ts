import type { DayScanRecord, DaySource } from '#shared/contract/query-history';
import type { OnRetry, PageSource } from './day-scan';

/** What the scan of one day takes: its pages and entities, the requests that were sent again, the time. */
export class ScanMeter {
  entities = 0;
  private pages = 0;
  private retries = 0;
  private throttles = 0;
  private readonly startedAt = performance.now();

  readonly onRetry: OnRetry = (code) => {
    this.retries += 1;
    if (code === 'TABLE_THROTTLED') this.throttles += 1;
  };

  /** The same pages, counted. */
  watch(source: PageSource): PageSource {
    return {
      read: async (...args) => {
        const page = await source.read(...args);
        this.pages += 1;
        this.entities += page.identifiers.length + page.entitiesWithoutIdentifier;
        return page;
      },
    };
  }

  read(source: DaySource, entities: number): DayScanRecord {
    const { pages, retries, throttles } = this;
    const milliseconds = Math.round(performance.now() - this.startedAt);
    return { source, entities, pages, milliseconds, retries, throttles };
  }
}
