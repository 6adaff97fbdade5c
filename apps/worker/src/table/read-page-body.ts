import { toProtocolFault } from './table-fault';

/** The one column of an entity that is asked for. */
export const IDENTIFIER_COLUMN = 'identificationNumber';

/**
 * The entities of a page, from the reply's text.
 *
 * @throws TableFault TABLE_PROTOCOL for anything that is not a page: a 200 with HTML, with nothing or with an
 *   unexpected shape must never pass for "no rows".
 */
export function readPageBody(text: string | null | undefined): {
  identifiers: string[];
  entitiesWithoutIdentifier: number;
} {
  const plain = text ? readPlainPage(text) : undefined;
  if (plain !== undefined) return { identifiers: plain, entitiesWithoutIdentifier: 0 };
  const rows = readRows(text);
  const identifiers: string[] = [];
  for (const row of rows) {
    const identifier = readIdentifier(row);
    if (identifier !== undefined) identifiers.push(identifier);
  }
  return { identifiers, entitiesWithoutIdentifier: rows.length - identifiers.length };
}

const PAGE_START = '{"value":[';
const ENTITY_START = `{"${IDENTIFIER_COLUMN}":"`;
const ENTITY_END = '"}'.charCodeAt(1);
const COMMA = ','.charCodeAt(0);

/**
 * The identifiers of a page on which every entity has one that is a text without escapes, as nearly every page is; what
 * is not literally that is undefined, and left to JSON.parse. Parsing is the most that a page costs, and this costs
 * half of it.
 */
function readPlainPage(text: string): string[] | undefined {
  if (!text.startsWith(`${PAGE_START}${ENTITY_START}`) || !text.endsWith('}]}') || text.includes('\\'))
    return undefined;
  const identifiers: string[] = [];
  const end = text.length - ']}'.length;
  for (let at = PAGE_START.length; ; at += 1) {
    if (!text.startsWith(ENTITY_START, at)) return undefined;
    const from = at + ENTITY_START.length;
    const to = text.indexOf('"', from);
    if (to === -1 || text.charCodeAt(to + 1) !== ENTITY_END) return undefined;
    identifiers.push(text.slice(from, to));
    at = to + 2;
    if (at === end) return identifiers;
    if (text.charCodeAt(at) !== COMMA) return undefined;
  }
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
