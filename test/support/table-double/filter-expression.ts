import { ServiceError } from './service-error';

export type LiteralValue = string | number | boolean;
export type ComparisonOperator = 'eq' | 'ne' | 'gt' | 'ge' | 'lt' | 'le';

export type FilterExpression =
  | { readonly kind: 'and' | 'or'; readonly left: FilterExpression; readonly right: FilterExpression }
  | { readonly kind: 'not'; readonly operand: FilterExpression }
  | {
      readonly kind: 'comparison';
      readonly property: string;
      readonly operator: ComparisonOperator;
      readonly value: LiteralValue;
    };

/** One token at the start of the text: a parenthesis, a quoted string (`''` is a quote in it), an integer or a word. */
const TOKEN = /^\s*(?:([()])|'((?:[^']|'')*)'|(-?\d+)(?![\w.])|([A-Za-z_]\w*)(?!'))/;

interface Token {
  readonly kind: 'parenthesis' | 'string' | 'number' | 'word';
  readonly text: string;
}

/**
 * Parses a `$filter` of the subset that the double evaluates: `and`, `or`, `not`, parentheses, and comparisons of a
 * property with a string, an integer or a boolean. `not` binds tighter than `and`, `and` tighter than `or` (OData 3.0).
 * Throws a 400 ServiceError for any other filter, so that none is silently evaluated differently.
 */
export function parseFilter(text: string): FilterExpression {
  const tokens = tokenize(text);
  let position = 0;

  const isNext = (expected: string): boolean => {
    const token = tokens[position];
    return token !== undefined && token.kind !== 'string' && token.text === expected;
  };
  const take = (): Token => {
    const token = tokens[position++];
    if (!token) throw new ServiceError('InvalidInput', `the filter ends too early: ${text}`);
    return token;
  };

  const parseChain = (kind: 'or' | 'and', parseOperand: () => FilterExpression): FilterExpression => {
    let left = parseOperand();
    while (isNext(kind)) {
      position++;
      left = { kind, left, right: parseOperand() };
    }
    return left;
  };
  const parseOr = (): FilterExpression => parseChain('or', () => parseChain('and', parseUnary));

  const parseUnary = (): FilterExpression => {
    if (isNext('not')) {
      position++;
      return { kind: 'not', operand: parseUnary() };
    }
    if (isNext('(')) {
      position++;
      const inner = parseOr();
      if (take().text !== ')') throw new ServiceError('InvalidInput', `a parenthesis is not closed: ${text}`);
      return inner;
    }
    const property = take();
    const operator = take().text;
    if (property.kind !== 'word' || !isComparisonOperator(operator)) {
      throw new ServiceError('InvalidInput', `not a comparison of a property: ${text}`);
    }
    return { kind: 'comparison', property: property.text, operator, value: toLiteral(take(), text) };
  };

  const expression = parseOr();
  if (position < tokens.length) throw new ServiceError('InvalidInput', `the filter goes on after its end: ${text}`);
  return expression;
}

function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  let rest = text;
  while (rest.trim() !== '') {
    const match = TOKEN.exec(rest);
    if (!match) throw new ServiceError('InvalidInput', `the filter is not understood at: ${rest}`);
    const [whole, parenthesis, string, number, word] = match;
    if (parenthesis !== undefined) tokens.push({ kind: 'parenthesis', text: parenthesis });
    else if (string !== undefined) tokens.push({ kind: 'string', text: string.replaceAll("''", "'") });
    else if (number !== undefined) tokens.push({ kind: 'number', text: number });
    else if (word !== undefined) tokens.push({ kind: 'word', text: word });
    rest = rest.slice(whole.length);
  }
  return tokens;
}

function toLiteral(token: Token, filter: string): LiteralValue {
  if (token.kind === 'string') return token.text;
  if (token.kind === 'number') return Number(token.text);
  if (token.text === 'true' || token.text === 'false') return token.text === 'true';
  throw new ServiceError('InvalidInput', `not a literal: ${token.text} in ${filter}`);
}

function isComparisonOperator(text: string): text is ComparisonOperator {
  return ['eq', 'ne', 'gt', 'ge', 'lt', 'le'].includes(text);
}
