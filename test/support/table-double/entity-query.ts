import { parseContinuationToken, type ContinuationToken, type PagePosition } from './continuation-token';
import { parseFilter } from './filter-expression';
import { toPredicate, type RowPredicate } from './filter-predicate';
import { ALL_KEYS, toKeyRange, type KeyRange } from './key-range';
import { ServiceError } from './service-error';

/** A parsed Query Entities request. */
export interface EntityQuery {
  readonly filter: string | null;
  readonly matches: RowPredicate;
  readonly range: KeyRange;
  /** The properties to return; null means all. */
  readonly select: readonly string[] | null;
  /** At most this many rows on the page, 1 to 1,000. */
  readonly top: number;
  /** The token of the request, raw and parsed. */
  readonly continuation: { readonly token: ContinuationToken; readonly position: PagePosition } | null;
}

/** The service's page size, and the maximum of `$top`. */
const MAX_PAGE_SIZE = 1_000;

const KNOWN_PARAMETERS = ['$filter', '$select', '$top', '$format', 'NextPartitionKey', 'NextRowKey', 'timeout'];

/** Parses the parameters. Throws InvalidInput (400), or NotImplemented (501) for an unsupported one. */
export function parseEntityQuery(parameters: URLSearchParams): EntityQuery {
  for (const name of parameters.keys()) {
    if (!KNOWN_PARAMETERS.includes(name)) throw new ServiceError('NotImplemented', `the parameter ${name}`);
    if (parameters.getAll(name).length > 1) throw new ServiceError('InvalidInput', `${name} is given twice`);
  }
  const filter = parameters.get('$filter');
  const expression = filter === null || filter.trim() === '' ? null : parseFilter(filter);
  return {
    filter,
    matches: expression ? toPredicate(expression) : () => true,
    range: expression ? toKeyRange(expression) : ALL_KEYS,
    select: parseSelect(parameters.get('$select')),
    top: parseTop(parameters.get('$top')),
    continuation: parseContinuation(parameters),
  };
}

function parseSelect(text: string | null): string[] | null {
  return text === null || text === '' ? null : text.split(',').map((name) => name.trim());
}

function parseTop(text: string | null): number {
  if (text === null) return MAX_PAGE_SIZE;
  const top = /^\d+$/.test(text) ? Number(text) : 0;
  if (top < 1 || top > MAX_PAGE_SIZE) throw new ServiceError('InvalidInput', `$top is ${text}`);
  return top;
}

function parseContinuation(parameters: URLSearchParams): EntityQuery['continuation'] {
  const nextPartitionKey = parameters.get('NextPartitionKey');
  if (nextPartitionKey === null) return null;
  const nextRowKey = parameters.get('NextRowKey');
  const token = nextRowKey === null ? { nextPartitionKey } : { nextPartitionKey, nextRowKey };
  return { token, position: parseContinuationToken(token) };
}
