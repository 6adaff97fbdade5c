import { toProtocolFault } from './table-fault';

/** The one column of an entity that is asked for. */
export const IDENTIFIER_COLUMN = 'identificationNumber';

interface PageBody {
  identifiers: string[];
  entitiesWithoutIdentifier: number;
}

/**
 * The entities of a page, from the reply's text.
 *
 * @throws TableFault TABLE_PROTOCOL for anything that is not a page: a 200 with HTML, with nothing or with an
 *   unexpected shape must never pass for "no rows".
 */
export function parsePageBody(text: string | null | undefined): PageBody {
  const rows = readRows(text);
  const identifiers: string[] = [];
  for (const row of rows) {
    const identifier = readIdentifier(row);
    if (identifier !== undefined) identifiers.push(identifier);
  }
  return { identifiers, entitiesWithoutIdentifier: rows.length - identifiers.length };
}

function readRows(text: string | null | undefined): unknown[] {
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

/** As text, whatever its type; undefined where the property is missing, which Azure gives as null. */
function readIdentifier(row: unknown): string | undefined {
  if (typeof row !== 'object' || row === null || Array.isArray(row)) throw toProtocolFault('an entity is no object');
  const value = (row as Record<string, unknown>)[IDENTIFIER_COLUMN];
  if (typeof value === 'string') return value;
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  throw toProtocolFault('an identifier is of no type that a table has');
}
