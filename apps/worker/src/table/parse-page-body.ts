import { toProtocolFault } from './table-fault';

/** The only column that is requested. */
export const IDENTIFIER_COLUMN = 'identificationNumber';

interface PageBody {
  identifiers: string[];
  entitiesWithoutIdentifier: number;
}

/**
 * Parses the entities of a page.
 *
 * @throws TableFault TABLE_PROTOCOL for any other body: a 200 with HTML, without a body or with another shape must never
 *   count as "no entities".
 */
export function parsePageBody(text: string | null | undefined): PageBody {
  const rows = parseRows(text);
  const identifiers: string[] = [];
  for (const row of rows) {
    const identifier = toIdentifier(row);
    if (identifier !== undefined) identifiers.push(identifier);
  }
  return { identifiers, entitiesWithoutIdentifier: rows.length - identifiers.length };
}

function parseRows(text: string | null | undefined): unknown[] {
  let body: unknown;
  try {
    body = JSON.parse(text ?? '');
  } catch (error) {
    throw toProtocolFault('a page is not JSON', error);
  }
  const rows = typeof body === 'object' && body !== null && 'value' in body ? body.value : undefined;
  if (!Array.isArray(rows)) throw toProtocolFault('a page has no list of entities');
  return rows;
}

/** As text, whatever its type; undefined if the property is missing, which Azure returns as null. */
function toIdentifier(row: unknown): string | undefined {
  if (typeof row !== 'object' || row === null || Array.isArray(row))
    throw toProtocolFault('an entity is not an object');
  const value = (row as Record<string, unknown>)[IDENTIFIER_COLUMN];
  if (typeof value === 'string') return value;
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  throw toProtocolFault('an identifier has a type that no table has');
}
