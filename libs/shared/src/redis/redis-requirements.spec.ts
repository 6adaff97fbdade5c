import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { listProbes } from './redis-requirements';

const probed = new Set(listProbes('{t}').map(([command]) => command));

/** What the scripts in these files call by name; what one calls by a variable, another calls by name. */
function listCalls(folder: string, isWanted: (name: string) => boolean): string[] {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(isWanted);
  const texts = names.map((name) => readFileSync(join(folder, name), 'utf8'));
  const calls = texts.flatMap((text) => [...text.matchAll(/\b(?:rcall|redis\.p?call)\(\s*\\?["']([A-Za-z]+)/g)]);
  return [...new Set(calls.map(([, command = '']) => command.toUpperCase()))];
}

/** The relay of BullMQ is not used; its scripts alone need more. */
const isScriptOfBull = (name: string) => name.endsWith('.js') && !name.startsWith('relay');

describe('what Redis is tried for', () => {
  it.each([
    ['BullMQ', 'node_modules/bullmq/dist/cjs/scripts', isScriptOfBull],
    ['the service', 'libs', (name: string) => name.endsWith('.ts')],
  ])('has every command of the scripts of %s', (_name, folder, isWanted) => {
    const calls = listCalls(folder, isWanted);
    expect(calls).toContain('HGET');
    expect(calls.filter((command) => !probed.has(command))).toEqual([]);
  });

  it('is in one slot of a cluster', () => {
    const strays = listProbes('{t}').filter(([command, key]) => command !== 'TIME' && !key?.startsWith('{t}:'));
    expect(strays).toEqual([]);
  });
});
