import type { Node } from 'web-tree-sitter';
import { evaluateExpression, listNamed } from './evaluate-expression';
import { parseBicep } from './parse-bicep';

/** A resource, or a module, whose type is then its path. */
interface BicepDeclaration {
  readonly type: string;
  readonly isExisting: boolean;
  readonly body: unknown;
}

export interface BicepFile {
  /** By name, with the default where there is one. */
  readonly parameters: ReadonlyMap<string, unknown>;
  readonly resources: ReadonlyMap<string, BicepDeclaration>;
  readonly modules: ReadonlyMap<string, BicepDeclaration>;
  readonly outputs: ReadonlyMap<string, unknown>;
}

/**
 * Reads a file with these parameters in place of its defaults.
 *
 * @throws Error where it is no Bicep.
 */
export async function readBicep(text: string, given: Readonly<Record<string, unknown>> = {}): Promise<BicepFile> {
  const root = await parseBicep(text);
  const scope = new Map<string, unknown>();
  const file = { parameters: new Map(), resources: new Map(), modules: new Map(), outputs: new Map() };
  for (const node of listNamed(root)) {
    const parts = listNamed(node);
    const [name = '', value] = [parts[0]?.text, parts.at(-1)];
    if (value === undefined) continue;
    switch (node.type) {
      case 'parameter_declaration': {
        const fallback = value.type === 'type' ? undefined : evaluateExpression(value, scope);
        file.parameters.set(name, fallback);
        scope.set(name, given[name] ?? fallback ?? `[${name}]`);
        break;
      }
      case 'variable_declaration':
        scope.set(name, evaluateExpression(value, scope));
        break;
      case 'output_declaration':
        file.outputs.set(name, evaluateExpression(value, scope));
        break;
      case 'resource_declaration':
        file.resources.set(name, readDeclaration(node, parts, scope));
        break;
      case 'module_declaration':
        file.modules.set(name, readDeclaration(node, parts, scope));
        break;
    }
  }
  return file;
}

function readDeclaration(node: Node, [, type, body]: Node[], scope: ReadonlyMap<string, unknown>): BicepDeclaration {
  if (type === undefined || body === undefined) throw new Error(`no declaration: ${node.text}`);
  // Behind `if (…)`, what is deployed where it holds.
  const deployed = body.type === 'if_statement' ? (listNamed(body).at(-1) ?? body) : body;
  return {
    type: type.text.slice(1, -1),
    isExisting: node.children.some((child) => child?.text === 'existing'),
    body: evaluateExpression(deployed, scope),
  };
}
