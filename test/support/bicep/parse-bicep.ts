import { join } from 'node:path';
import { Language, type Node, Parser } from 'web-tree-sitter';

let parser: Promise<Parser> | undefined;

/** Bicep's own compiler is not to be had as a package: this is the grammar that editors use, and knows no types. */
async function createParser(): Promise<Parser> {
  await Parser.init();
  const grammar = join(require.resolve('tree-sitter-bicep/package.json'), '../tree-sitter-bicep.wasm');
  return new Parser().setLanguage(await Language.load(grammar));
}

/** @throws Error where the text is no Bicep, with every place. */
export async function parseBicep(text: string): Promise<Node> {
  parser ??= createParser();
  const root = (await parser).parse(text)?.rootNode;
  if (root === undefined) throw new Error('the parser gave up');
  const problems = listProblems(root);
  if (problems.length > 0) throw new Error(problems.join('\n'));
  return root;
}

function listProblems(node: Node): string[] {
  const { row, column } = node.startPosition;
  const place = `line ${row + 1}, column ${column + 1}`;
  if (node.isMissing) return [`${place}: ${node.type} is missing`];
  if (node.isError) return [`${place}: not understood: ${node.text.split('\n')[0]}`];
  return node.children.flatMap((child) => (child === null ? [] : listProblems(child)));
}
