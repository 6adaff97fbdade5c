import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { describe, expect, it } from 'vitest';
import { ApiConfig } from '#shared/config/api-config';
import { parseConfig } from '#shared/config/parse-config';
import { WorkerConfig } from '#shared/config/worker-config';
import { readCommands, readFirstLine, RUN_AS_THEY_STAND, RUN_OTHERWISE } from '../support/documented-commands';
import { toSortedTable } from '../support/table-double/sorted-table';
import { countTruth } from '../support/table-double/table-truth';

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

describe('the commands of the pages', () => {
  it('are each run by a test, or name the test that stands in', () => {
    const run = [...Object.keys(RUN_AS_THEY_STAND), ...Object.keys(RUN_OTHERWISE)];
    expect([...new Set(readCommands().map(readFirstLine))].sort()).toEqual(run.sort());
  });

  it('name only tests that exist', () => {
    expect(Object.values(RUN_OTHERWISE).filter(({ spec }) => !existsSync(spec))).toEqual([]);
  });
});

describe('the README', () => {
  it('has at most 150 lines', () => {
    expect(readme.split('\n').length).toBeLessThanOrEqual(151);
  });

  it('counts its example rows as the service does', () => {
    const text = chapter('What it counts');
    const rows = readRows(text)
      .slice(2)
      .map((cells, i) => {
        const [PartitionKey = '', CertNumber = '', identificationNumber = ''] = cells.map((cell) =>
          cell.replaceAll('`', ''),
        );
        return { PartitionKey, RowKey: String(i), CertNumber, identificationNumber };
      });
    expect(rows).toHaveLength(5);
    const [, query = '', count] = /`(\{.*?\})`.*`"count":(\d+)`/s.exec(text) ?? [];
    const { start, end } = JSON.parse(query) as { start: string; end: string };
    expect(countTruth(toSortedTable(rows), start, end).count).toBe(Number(count));
    expect(readRows(text).filter((cells) => cells[3]?.startsWith('yes'))).toHaveLength(Number(count));
  });

  it('has only figures of docs/figures.md', () => {
    const all = readRows(readFileSync('docs/figures.md', 'utf8')).flat().join('\n');
    const text = chapter('Figures and faults').replace(/\s+/g, ' ');
    const figures = text.match(/\d[\d.,]* (?:times as fast|distinct|MB)/g) ?? [];
    expect(figures).toHaveLength(4);
    expect(figures.filter((figure) => !all.includes(figure))).toEqual([]);
  });

  it('has the number of faults of docs/faults.md', () => {
    const faults = readRows(readFileSync('docs/faults.md', 'utf8')).filter(([number = '']) => /^\d+$/.test(number));
    expect(faults.map(([number]) => Number(number))).toEqual(faults.map((_, i) => i + 1));
    expect(chapter('Figures and faults').replace(/\s+/g, ' ')).toContain(`in ${faults.length} ways`);
  });

  it('repeats the promise of docs/faults.md word for word', () => {
    const readPromise = (text: string) => /_(A 202 means .*?)_/s.exec(text)?.[1]?.replace(/\s+/g, ' ');
    expect(readPromise(readme)).toMatch(/is one query\.$/);
    expect(readPromise(readFileSync('docs/faults.md', 'utf8'))).toBe(readPromise(readme));
  });

  it('links to every page', () => {
    const pages = readdirSync('docs').filter((name) => name.endsWith('.md'));
    expect(pages.filter((name) => !chapter('Where to go next').includes(`](docs/${name})`))).toEqual([]);
  });
});

describe('the variables', () => {
  const example = parseEnv(readFileSync('.env.example', 'utf8'));

  it('have the defaults of .env.example in docs/configuration.md', () => {
    const variables = readVariables('docs/configuration.md');
    expect(variables.length).toBeGreaterThan(8);
    for (const { variable, fallback } of variables) {
      const value = example[variable];
      expect(value, variable).toBeDefined();
      if (variable !== 'TABLE_CONNECTION_STRING') expect(fallback, variable).toBe(value ? `\`${value}\`` : '');
    }
  });

  it('of the examples in docs/configuration.md are valid', () => {
    const blocks = readFileSync('docs/configuration.md', 'utf8').matchAll(/^```ini\n(.*?)^```$/gms);
    const [api, worker, ...others] = [...blocks].map(([, text = '']) => parseEnv(text));
    expect(others).toEqual([]);
    expect(parseConfig(ApiConfig, api ?? {})).toMatchObject({ nodeEnv: 'production', authMode: 'api-key' });
    expect(parseConfig(WorkerConfig, worker ?? {})).toMatchObject({ nodeEnv: 'production' });
  });

  it('are all in docs/configuration.md, once each', () => {
    const listed = readVariables('docs/configuration.md').map(({ variable }) => variable);
    expect(listed.sort()).toEqual(Object.keys(example).sort());
  });
});

describe('the layout in docs/design.md', () => {
  it('has only folders that exist', () => {
    const text = /^## Layout$(.*?)^## /ms.exec(readFileSync('docs/design.md', 'utf8'))?.[1] ?? '';
    const folders = [...text.matchAll(/^\| `([a-z]+[/\w]*)` +\|/gm)].map(([, path]) => path ?? '');
    expect(folders.length).toBeGreaterThan(10);
    expect(folders.filter((path) => !existsSync(path))).toEqual([]);
  });
});
