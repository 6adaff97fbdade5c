import { generateDays } from './generated-table';
import type { SortedTable } from './sorted-table';

/** The correct result of a query, with the member names of the status document's `result`. */
export interface TableTruth {
  readonly count: number;
  /** Rows of the range with a CertNumber that is not empty, as the query's filter returns them. */
  readonly entitiesRead: number;
  readonly entitiesWithoutIdentifier: number;
}

const DAY_MS = 86_400_000;

/**
 * Counts all rows whose partition key begins with a day from `start` to `end`, both inclusive, with plain Sets. It shares
 * no code with the double's filters and pages, so that tests can compare both. A key between two days, such as
 * 2021-12-1, begins with no day. Identifiers compare as text.
 */
export function countTruth(table: SortedTable, start: string, end: string): TableTruth {
  const length = (Date.parse(end) - Date.parse(start)) / DAY_MS + 1;
  const days = new Set(generateDays(start, length, 0).map(({ key }) => key));
  const identifiers = new Set<string>();
  let entitiesRead = 0;
  let entitiesWithoutIdentifier = 0;
  for (const partition of table) {
    if (!days.has(partition.key.slice(0, start.length))) continue;
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
