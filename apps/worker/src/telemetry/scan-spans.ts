import { type Span, trace } from '@opentelemetry/api';
import { inSpan } from '#shared/process/tracing';
import type { PageRange, PageSource } from '../queries/day-scan';
import type { QueryPorts } from '../queries/run-query';
import type { PageObserver } from '../table/page-reader';
import type { TableFault } from '../table/table-fault';

type ScanDay = QueryPorts['scanDay'];

/** A span for each page: its number within the day, its entities, its faults and retries. Never a URL or a token. */
export class PageSpans implements PageObserver {
  /** A range is one object for all pages of a scan. */
  private readonly pagesOf = new WeakMap<PageRange, number>();
  private readonly retriesOf = new WeakMap<Span, number>();

  onFault({ code, options }: TableFault): void {
    trace.getActiveSpan()?.addEvent('fault', {
      'audit_query.code': code,
      ...(options.status === undefined ? {} : { 'http.response.status_code': options.status }),
    });
  }

  onRetry(): void {
    const span = trace.getActiveSpan();
    if (span !== undefined) this.retriesOf.set(span, (this.retriesOf.get(span) ?? 0) + 1);
  }

  /** Returns the same source, traced. */
  trace(source: PageSource): PageSource {
    return {
      read: (range, after, signal) => {
        const number = (this.pagesOf.get(range) ?? 0) + 1;
        this.pagesOf.set(range, number);
        return inSpan('read page', { 'audit_query.day': range.from, 'audit_query.page': number }, async (span) => {
          try {
            const page = await source.read(range, after, signal);
            span.setAttribute('audit_query.entities', page.identifiers.length + page.entitiesWithoutIdentifier);
            span.setAttribute('http.response.status_code', 200);
            return page;
          } finally {
            span.setAttribute('audit_query.retries', this.retriesOf.get(span) ?? 0);
          }
        });
      },
    };
  }
}

/** Returns the same function, with a span for each scan. A query that waits for the scan of another has a span without pages. */
export function traceDays(scanDay: ScanDay): ScanDay {
  return (day, request, signal) =>
    inSpan('scan day', { 'audit_query.day': day }, async (span) => {
      const daySet = await scanDay(day, request, signal);
      span.setAttribute('audit_query.entities', daySet.entitiesRead);
      return daySet;
    });
}
