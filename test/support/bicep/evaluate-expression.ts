import type { Node } from 'web-tree-sitter';

/** What a name in a Bicep file stands for. */
export type Scope = ReadonlyMap<string, unknown>;

/**
 * The value of an expression as far as it can be known without Azure: literals, parameters and variables, loops,
 * conditions, and some functions. What only a deployment knows is its text in brackets, as ARM templates have it.
 */
export function evaluateExpression(node: Node, scope: Scope): unknown {
  const inner = () => listNamed(node).map((child) => evaluateExpression(child, scope));
  switch (node.type) {
    case 'number':
      return Number(node.text);
    case 'boolean':
      return node.text === 'true';
    case 'null':
      return null;
    case 'string':
      return evaluateString(node, scope);
    case 'identifier':
      return scope.has(node.text) ? scope.get(node.text) : toUnknown(node);
    case 'parenthesized_expression':
      return inner()[0];
    case 'array':
      return inner();
    case 'object':
      return Object.fromEntries(listNamed(node).map((property) => evaluateProperty(property, scope)));
    case 'member_expression':
      return evaluateMember(node, scope);
    case 'unary_expression':
      return evaluateNot(node, inner());
    case 'binary_expression':
      return evaluateBinary(node, inner());
    case 'ternary_expression': {
      const [condition, consequence, alternative] = inner();
      return typeof condition === 'boolean' ? (condition ? consequence : alternative) : toUnknown(node);
    }
    case 'call_expression':
      return evaluateCall(node, scope);
    case 'for_statement':
      return evaluateLoop(node, scope);
    default:
      return toUnknown(node);
  }
}

/** Without comments, which stand anywhere in the tree. */
export function listNamed(node: Node): Node[] {
  return node.namedChildren.filter((child): child is Node => child !== null && child.type !== 'comment');
}

function toUnknown({ text }: Node): string {
  return `[${text}]`;
}

function evaluateString(node: Node, scope: Scope): string {
  return listNamed(node)
    .map((part) => {
      if (part.type !== 'interpolation') return part.text;
      return String(evaluateExpression(listNamed(part)[0] ?? part, scope));
    })
    .join('');
}

function evaluateProperty(property: Node, scope: Scope): [string, unknown] {
  const [key, value] = listNamed(property);
  if (key === undefined || value === undefined) throw new Error(`no property: ${property.text}`);
  const name = key.type === 'string' ? evaluateString(key, scope) : key.text;
  return [name, evaluateExpression(value, scope)];
}

function evaluateMember(node: Node, scope: Scope): unknown {
  const [object, property] = listNamed(node);
  const value = object && evaluateExpression(object, scope);
  if (property === undefined || typeof value !== 'object' || value === null) return toUnknown(node);
  return (value as Record<string, unknown>)[property.text];
}

function evaluateNot(node: Node, [operand]: unknown[]): unknown {
  return node.text.startsWith('!') && typeof operand === 'boolean' ? !operand : toUnknown(node);
}

function evaluateBinary(node: Node, [left, right]: unknown[]): unknown {
  const operator = node.children.find((child) => child?.isNamed === false)?.text;
  if (operator === '==') return left === right;
  if (operator === '+') return Number(left) + Number(right);
  if (operator === '-') return Number(left) - Number(right);
  // Of whole numbers, as all are.
  if (operator === '/') return Math.trunc(Number(left) / Number(right));
  return toUnknown(node);
}

function evaluateCall(node: Node, scope: Scope): unknown {
  const [called, list] = listNamed(node);
  const values = list === undefined ? [] : listNamed(list).map((value) => evaluateExpression(value, scope));
  const [first] = values;
  switch (called?.text ?? '') {
    case 'string':
      return toText(first);
    case 'json':
      return JSON.parse(String(first));
    case 'min':
      return Math.min(...values.map(Number));
    case 'empty':
      return first === '';
    default:
      return `[${called?.text}(${values.map(toText).join(', ')})]`;
  }
}

function toText(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function evaluateLoop(node: Node, scope: Scope): unknown {
  const [name, list, body] = listNamed(node);
  if (name === undefined || list === undefined || body === undefined) return toUnknown(node);
  const values = evaluateExpression(list, scope);
  // Over what is not known it has one turn.
  const turns: unknown[] = Array.isArray(values) ? values : [toUnknown(name)];
  return turns.map((value) => evaluateExpression(body, new Map([...scope, [name.text, value]])));
}
