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
export function readPageBody(text: string | null | undefined): PageBody {
  const plain = text ? readPlainPage(text) : undefined;
  if (plain !== undefined) return plain;
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
/** How Azure and its emulator give an entity that lacks the property. */
const EMPTY_ENTITIES = [`{"${IDENTIFIER_COLUMN}":null}`, '{}'];
const [CLOSING_BRACE, COMMA] = [...'},'].map((character) => character.charCodeAt(0));

/**
 * A page on which every identifier is a text without escapes, as nearly every page is; what is not literally that is
 * undefined, and left to JSON.parse, which is the most that a page costs: this takes a third of it.
 */
function readPlainPage(text: string): PageBody | undefined {
  if (!text.startsWith(`${PAGE_START}{`) || !text.endsWith('}]}') || text.includes('\\')) return undefined;
  const identifiers: string[] = [];
  let entitiesWithoutIdentifier = 0;
  const end = text.length - ']}'.length;
  for (let at = PAGE_START.length; ; at += 1) {
    if (text.startsWith(ENTITY_START, at)) {
      const from = at + ENTITY_START.length;
      const to = text.indexOf('"', from);
      if (to === -1 || text.charCodeAt(to + 1) !== CLOSING_BRACE) return undefined;
      identifiers.push(text.slice(from, to));
      at = to + 2;
    } else {
      const empty = EMPTY_ENTITIES.find((entity) => text.startsWith(entity, at));
      if (empty === undefined) return undefined;
      entitiesWithoutIdentifier += 1;
      at += empty.length;
    }
    if (at === end) return { identifiers, entitiesWithoutIdentifier };
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
