import type { ComparisonOperator, FilterExpression, LiteralValue } from './filter-expression';
import type { TableRow } from './sorted-table';

export type RowPredicate = (row: TableRow) => boolean;

const COMPARE: Record<ComparisonOperator, (actual: LiteralValue, expected: LiteralValue) => boolean> = {
  eq: (actual, expected) => actual === expected,
  ne: (actual, expected) => actual !== expected,
  gt: (actual, expected) => actual > expected,
  ge: (actual, expected) => actual >= expected,
  lt: (actual, expected) => actual < expected,
  le: (actual, expected) => actual <= expected,
};

/**
 * The service's result for one row. A comparison with a property that the row lacks (or has with another type) is
 * false, `ne` included, and so its negation is true: `CertNumber ne ''` and `not (CertNumber eq '')` differ.
 */
export function toPredicate(expression: FilterExpression): RowPredicate {
  switch (expression.kind) {
    case 'and': {
      const [left, right] = [toPredicate(expression.left), toPredicate(expression.right)];
      return (row) => left(row) && right(row);
    }
    case 'or': {
      const [left, right] = [toPredicate(expression.left), toPredicate(expression.right)];
      return (row) => left(row) || right(row);
    }
    case 'not': {
      const operand = toPredicate(expression.operand);
      return (row) => !operand(row);
    }
    case 'comparison': {
      const { property, value } = expression;
      const compare = COMPARE[expression.operator];
      return (row) => {
        const actual = row[property];
        return typeof actual === typeof value && actual !== undefined && compare(actual, value);
      };
    }
  }
}
