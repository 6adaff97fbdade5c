import { odata, TableClient } from '@azure/data-tables';
import { type CalendarDay, toKeyRange } from '#shared/contract/calendar-day';
import type { Scan, Task } from './contestant';

/** The original's algorithm: the SDK reads the range from its beginning to its end, and a `Set` counts. */
export function prepareOriginalScan({ connectionString, tableName, start, end }: Task): Scan {
  const { to } = toKeyRange(end as CalendarDay);
  const client = TableClient.fromConnectionString(connectionString, tableName, { allowInsecureConnection: true });
  return {
    async run() {
      const filter = odata`PartitionKey ge ${start} and PartitionKey lt ${to} and CertNumber ne ''`;
      const identifiers = new Set<string>();
      let entitiesRead = 0;
      // With the one column selected, which is in its favour: without, the SDK takes four times as long for an entity.
      const entities = client.listEntities<{ identificationNumber: string }>({
        queryOptions: { filter, select: ['identificationNumber'] },
      });
      for await (const { identificationNumber } of entities) {
        entitiesRead += 1;
        identifiers.add(identificationNumber);
      }
      return { count: identifiers.size, entitiesRead };
    },
    close() {},
  };
}
