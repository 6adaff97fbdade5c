import type { Node } from 'web-tree-sitter';
import { listNamed } from './evaluate-expression';

/** Of Bicep itself, as far as they are used: learn.microsoft.com, "Bicep functions" and "Parameter decorators". */
const BUILT_IN = new Set([
  ...['allowed', 'description', 'maxLength', 'minLength', 'minValue'],
  ...['empty', 'guid', 'json', 'min', 'resourceGroup', 'string', 'subscription', 'subscriptionResourceId', 'tenant'],
  ...['toLower', 'uniqueString', 'uriComponent', 'az'],
]);

const DECLARATIONS = new Set([
  'parameter_declaration',
  'variable_declaration',
  'resource_declaration',
  'module_declaration',
  'output_declaration',
]);

/** The names in a file that nothing stands behind, which its compiler would refuse. */
export function listUnknownNames(root: Node): string[] {
  const declared = listNamed(root)
    .filter(({ type }) => DECLARATIONS.has(type))
    .map((node) => listNamed(node)[0]?.text ?? '');
  return listUnknown(root, new Set([...declared, ...BUILT_IN]));
}

function listUnknown(node: Node, known: ReadonlySet<string>): string[] {
  if (node.type === 'identifier') return known.has(node.text) ? [] : [node.text];
  const parts = listNamed(node);
  if (DECLARATIONS.has(node.type)) return parts.slice(1).flatMap((part) => listUnknown(part, known));
  if (node.type === 'object_property') return parts.slice(1).flatMap((part) => listUnknown(part, known));
  if (node.type === 'for_statement') {
    const inside = new Set([...known, parts[0]?.text ?? '']);
    return parts.slice(1).flatMap((part) => listUnknown(part, inside));
  }
  return parts.flatMap((part) => listUnknown(part, known));
}
