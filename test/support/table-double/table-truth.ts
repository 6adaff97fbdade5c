import type { SortedTable } from './sorted-table';

/** The right answer of a query; the words are those of the status document's `result`. */
export interface TableTruth {
  readonly count: number;
  /** Rows of the range whose CertNumber is present and not empty: what the query's filter returns. */
  readonly entitiesRead: number;
  readonly entitiesWithoutIdentifier: number;
}

const DAY_MS = 86_400_000;

/**
 * Counts over every row from the day `start` to the day `end`, both inclusive, with nothing but a Set: it shares no code
 * with the double's filters and pages, so that it can be compared with them. Identifiers compare as text.
 */
export function countTruth(table: SortedTable, start: string, end: string): TableTruth {
  const dayAfter = new Date(Date.parse(end) + DAY_MS).toISOString().slice(0, 10);
  const identifiers = new Set<string>();
  let entitiesRead = 0;
  let entitiesWithoutIdentifier = 0;
  for (const partition of table) {
    if (partition.key < start || partition.key >= dayAfter) continue;
    for (let i = 0; i < partition.size; i++) {
      const { CertNumber: certNumber, identificationNumber: identifier } = partition.row(i);
      if (certNumber === undefined || certNumber === '') continue;
      entitiesRead++;
      if (identifier === undefined) entitiesWithoutIdentifier++;
      else identifiers.add(String(identifier));
    }
  }
  return { count: identifiers.size, entitiesRead, entitiesWithoutIdentifier };
}
