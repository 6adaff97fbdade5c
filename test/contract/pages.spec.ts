import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseEnv } from 'node:util';
import { describe, expect, it } from 'vitest';

const PAGES = [...readdirSync('.'), ...readdirSync('docs').map((name) => join('docs', name))].filter((path) =>
  path.endsWith('.md'),
);

/** What `npm` itself has. */
const NPM_COMMANDS = ['ci', 'install', 'link', 'run'];

const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> };

/** The names of a page's chapters, as links have them. */
function readAnchors(path: string): string[] {
  const headings = readFileSync(path, 'utf8').matchAll(/^#+ (.+)$/gm);
  return [...headings].map(([, text = '']) =>
    text
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

function leadsSomewhere(link: string, from: string): boolean {
  const [path = '', anchor] = link.split('#');
  const target = path === '' ? from : join(dirname(from), path);
  return existsSync(target) && (anchor === undefined || readAnchors(target).includes(anchor));
}

describe.each(PAGES)('%s', (path) => {
  const text = readFileSync(path, 'utf8');

  it('names only scripts that there are', () => {
    const named = [...text.matchAll(/(?<=^ *|`|&& )npm (?:run )?([a-z][a-z:-]*)/gm)].map(([, name]) => name ?? '');
    expect(named.filter((name) => scripts[name] === undefined && !NPM_COMMANDS.includes(name))).toEqual([]);
  });

  it('links only to files and chapters that there are', () => {
    const links = [...text.matchAll(/\]\(((?!https?:)[^)\s]+)\)/g)].map(([, link]) => link ?? '');
    expect(links.filter((link) => !leadsSomewhere(link, path))).toEqual([]);
  });

  it('names only paths that there are', () => {
    const paths = [...text.matchAll(/(?<=[ `])(?:apps|libs|test)\/[\w./-]*\w\b(?![-*])/g)].map(([each]) => each);
    expect(paths.filter((each) => !existsSync(each))).toEqual([]);
  });
});

describe.each(PAGES.filter((path) => path.startsWith('docs/')))('%s', (path) => {
  const text = readFileSync(path, 'utf8').replace(/^```.*?^```$/gms, '');

  it('has one title, and says first what the reader can do with it', () => {
    expect(text).toMatch(/^# .+\n\nWith this page you can /);
    expect([...text.matchAll(/^# /gm)]).toHaveLength(1);
  });
});

describe.each([
  ['README.md', 6],
  ['docs/http.md', 6],
  ['docs/migration.md', 13],
  ['docs/operators.md', 9],
])('%s', (path, atLeast) => {
  it('names only routes that there are', () => {
    const text = readFileSync(path, 'utf8');
    const documents = ['openapi.json', 'openapi.operator.json'].map(
      (file) => JSON.parse(readFileSync(file, 'utf8')) as { paths: Record<string, object> },
    );
    const routes = documents.flatMap(({ paths }) =>
      Object.entries(paths).flatMap(([path, verbs]) =>
        Object.keys(verbs).map((verb) => `${verb.toUpperCase()} ${path}`),
      ),
    );
    const named = [...text.matchAll(/`([A-Z]+ \/(?:api|operator)\/[^`?]+)[^`]*`/g)].map(([, route]) => route ?? '');
    expect(named.length).toBeGreaterThanOrEqual(atLeast);
    expect(named.filter((route) => !routes.includes(route))).toEqual([]);
  });
});

describe('docs/migration.md', () => {
  const text = readFileSync('docs/migration.md', 'utf8');

  it('names only variables that there are, but for those of the original', () => {
    const ours = Object.keys(parseEnv(readFileSync('.env.example', 'utf8')));
    const theirs = [
      ...['APPLICATIONINSIGHTS_CONNECTION_STRING', 'AZURE_CLIENT_ID'],
      ...['FUNCTIONS_EXTENSION_VERSION', 'FUNCTIONS_WORKER_RUNTIME'],
    ];
    // The codes of errors have a colon behind them.
    const named = [...text.matchAll(/`([A-Z]+(?:_[A-Z]+)+)(?:=[^`]*)?`/g)].map(([, name]) => name ?? '');
    expect(named.length).toBeGreaterThan(20);
    expect(named.filter((name) => ![...ours, ...theirs].includes(name))).toEqual([]);
  });
});
