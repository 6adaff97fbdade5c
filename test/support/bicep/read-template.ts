import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Node } from 'web-tree-sitter';
import { type BicepFile, readBicep } from './read-bicep';
import { parseBicep } from './parse-bicep';

interface TemplateFile extends BicepFile {
  readonly root: Node;
  readonly text: string;
}

/** All of infra/, by path there without its ending. */
export type Template = ReadonlyMap<string, TemplateFile>;

const FOLDER = 'infra';

/** The texts of infra/: the files of Bicep, and those of parameters. */
export function readTexts(): Map<string, string> {
  const paths = readdirSync(FOLDER, { recursive: true, encoding: 'utf8' });
  return new Map(
    paths
      .filter((path) => /\.(bicep|parameters\.json)$/.test(path))
      .map((path) => [path, readFileSync(join(FOLDER, path), 'utf8')]),
  );
}

/** @throws Error where one is no Bicep, with its path. */
export async function readTemplate(texts: ReadonlyMap<string, string>): Promise<Template> {
  const files = [...texts].filter(([path]) => path.endsWith('.bicep'));
  return new Map(
    await Promise.all(
      files.map(async ([path, text]) => {
        try {
          const file = { ...(await readBicep(text)), root: await parseBicep(text), text };
          return [path.replace(/\.bicep$/, ''), file] as const;
        } catch (error) {
          throw new Error(`${path}: ${String(error)}`, { cause: error });
        }
      }),
    ),
  );
}

/** With one part of one file replaced, which has to be there. */
export function breakText(
  texts: ReadonlyMap<string, string>,
  path: string,
  part: string | RegExp,
  replacement: string,
): Map<string, string> {
  const text = texts.get(path) ?? '';
  const broken = text.replace(part, replacement);
  if (broken === text) throw new Error(`${path} has no ${String(part)}`);
  return new Map([...texts, [path, broken]]);
}
