import type { FilterExpression } from './filter-expression';

/** The keys from `from` (inclusive) to `to` (exclusive), in the order of UTF-16 code units; absent `to` means no end. */
interface Interval {
  readonly from: string;
  readonly to?: string;
}

export interface KeyRange {
  readonly partitionKeys: Interval;
  readonly rowKeys: Interval;
}

export const ALL_KEYS: KeyRange = { partitionKeys: { from: '' }, rowKeys: { from: '' } };

/**
 * A range outside of which no row matches, from the comparisons of the two keys that every match must satisfy. It only
 * saves work: the predicate still decides for each row inside.
 */
export function toKeyRange(expression: FilterExpression): KeyRange {
  if (expression.kind === 'and') {
    const [left, right] = [toKeyRange(expression.left), toKeyRange(expression.right)];
    return {
      partitionKeys: intersect(left.partitionKeys, right.partitionKeys),
      rowKeys: intersect(left.rowKeys, right.rowKeys),
    };
  }
  if (expression.kind !== 'comparison' || typeof expression.value !== 'string') return ALL_KEYS;
  const interval = toInterval(expression.operator, expression.value);
  if (expression.property === 'PartitionKey') return { ...ALL_KEYS, partitionKeys: interval };
  if (expression.property === 'RowKey') return { ...ALL_KEYS, rowKeys: interval };
  return ALL_KEYS;
}

function toInterval(operator: string, value: string): Interval {
  // No string lies between a string and itself with a NUL added.
  const next = `${value}\0`;
  switch (operator) {
    case 'eq':
      return { from: value, to: next };
    case 'ge':
      return { from: value };
    case 'gt':
      return { from: next };
    case 'lt':
      return { from: '', to: value };
    case 'le':
      return { from: '', to: next };
    default:
      return { from: '' };
  }
}

function intersect(a: Interval, b: Interval): Interval {
  const from = a.from > b.from ? a.from : b.from;
  const ends = [a.to, b.to].filter((end) => end !== undefined).sort();
  return ends[0] === undefined ? { from } : { from, to: ends[0] };
}
