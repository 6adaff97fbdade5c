import { existsSync, readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { describe, expect, it } from 'vitest';
import { toCommands } from '../../apps/local/src/commands';

// Without the blanks that pad the columns of its tables.
const readme = readFileSync('README.md', 'utf8').replace(/(?<=\|) +| +(?=\|)/g, ' ');

describe('the README', () => {
  it.each(Object.entries(toCommands('http://127.0.0.1:3000')))(
    'has the command to %s as npm start prints it',
    (_, text) => {
      expect(readme).toContain(text);
    },
  );

  it('has every variable, with the default of .env.example', () => {
    for (const [name, value] of Object.entries(parseEnv(readFileSync('.env.example', 'utf8')))) {
      const row = readme.split('\n').find((line) => line.startsWith(`| \`${name}\` |`));
      expect(row, name).toBeDefined();
      if (name !== 'TABLE_CONNECTION_STRING') expect(row).toContain(value ? `| \`${value}\` |` : '| |');
    }
  });

  it('has only folders that there are', () => {
    const layout = readme.slice(readme.indexOf('## Layout'), readme.indexOf('## Tests'));
    const folders = [...layout.matchAll(/^\| `([a-z]+[/\w]*)` \|/gm)].map(([, path]) => path ?? '');
    expect(folders.length).toBeGreaterThan(8);
    expect(folders.filter((path) => !existsSync(path))).toEqual([]);
  });
});
