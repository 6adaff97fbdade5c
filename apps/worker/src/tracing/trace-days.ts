import { inSpan } from '#shared/telemetry/in-span';
import type { QueryPorts } from '../queries/run-query';

type ScanDay = QueryPorts['scanDay'];

/** The same scans, each as a span. A day that is scanned for another query is waited for in a span without pages. */
export function traceDays(scanDay: ScanDay): ScanDay {
  return (day, request, signal) =>
    inSpan('scan day', { 'audit_query.day': day }, async (span) => {
      const daySet = await scanDay(day, request, signal);
      span.setAttribute('audit_query.entities', daySet.entitiesRead);
      return daySet;
    });
}
