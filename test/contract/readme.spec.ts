import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { describe, expect, it } from 'vitest';
import { readCommands, RUN_AS_THEY_STAND, RUN_OTHERWISE } from '../support/readme-commands';

/** The cells of every row of a text's tables, without the blanks that pad them. */
function readRows(text: string): string[][] {
  const lines = text.split('\n').filter((line) => line.startsWith('|'));
  return lines.map((line) => line.split(/ *\| */).slice(1, -1));
}

/** The rows of tables of variables: name, who reads it, default, meaning. */
function readVariables(path: string): { variable: string; fallback: string }[] {
  return readRows(readFileSync(path, 'utf8')).flatMap(([name = '', readBy = '', fallback = '']) =>
    ['both', 'api', 'worker'].includes(readBy) ? [{ variable: name.replaceAll('`', ''), fallback }] : [],
  );
}

const readme = readFileSync('README.md', 'utf8');
const chapter = (title: string) => readme.split(/^## /m).find((text) => text.startsWith(`${title}\n`)) ?? '';

describe('the README', () => {
  it('has no command but those that a test runs, or that another stands in for', () => {
    const run = [...Object.keys(RUN_AS_THEY_STAND), ...Object.keys(RUN_OTHERWISE)];
    expect(readCommands().sort()).toEqual(run.sort());
  });

  it('has stand-ins that there are', () => {
    expect(Object.values(RUN_OTHERWISE).filter(({ spec }) => !existsSync(spec))).toEqual([]);
  });

  it('has only figures that the page of all figures has', () => {
    const all = readRows(readFileSync('docs/figures.md', 'utf8')).map((cells) => cells.slice(1, 5).join(' | '));
    const rows = readRows(chapter('Figures'))
      .slice(2)
      .map((cells) => cells.join(' | '));
    expect(rows.length).toBeGreaterThan(5);
    expect(rows.filter((row) => !all.includes(row))).toEqual([]);
  });

  it('leads to every page', () => {
    const pages = readdirSync('docs').filter((name) => name.endsWith('.md'));
    expect(pages.filter((name) => !chapter('All pages').includes(`](docs/${name})`))).toEqual([]);
  });
});

describe('the variables', () => {
  const example = parseEnv(readFileSync('.env.example', 'utf8'));

  it.each(['README.md', 'docs/configuration.md'])('have the defaults of .env.example in %s', (path) => {
    const variables = readVariables(path);
    expect(variables.length).toBeGreaterThan(8);
    for (const { variable, fallback } of variables) {
      const value = example[variable];
      expect(value, variable).toBeDefined();
      if (variable !== 'TABLE_CONNECTION_STRING') expect(fallback, variable).toBe(value ? `\`${value}\`` : '');
    }
  });

  it('are all in docs/configuration.md, once each', () => {
    const listed = readVariables('docs/configuration.md').map(({ variable }) => variable);
    expect(listed.sort()).toEqual(Object.keys(example).sort());
  });
});

describe.each([
  ['README.md', chapter('How it is built'), 8],
  ['docs/design.md', readFileSync('docs/design.md', 'utf8').split(/^## /m)[2] ?? '', 20],
])('the layout in %s', (_, text, atLeast) => {
  it('has only folders that there are', () => {
    const folders = [...text.matchAll(/^\| `([a-z]+[/\w]*)` +\|/gm)].map(([, path]) => path ?? '');
    expect(folders.length).toBeGreaterThan(atLeast);
    expect(folders.filter((path) => !existsSync(path))).toEqual([]);
  });
});
