import { execFileSync } from 'node:child_process';
import { Command, Option } from '@commander-js/extra-typings';
import { describe, expect, it } from 'vitest';
import { toBashCompletion, toCompletionTree, toFishCompletion, toZshCompletion } from './completion';

const program = new Command('audit-query');
program
  .command('list')
  .description("list one's own: all")
  .addOption(new Option('--status <status>', 'only [these]').choices(['Failed', 'Running']))
  .option('--key-file <file>', 'a file')
  .option('--page <number>', 'which')
  .option('--json', 'print JSON');
program.command('watch').description('wait');
const tree = toCompletionTree(program);

/** The words that bash offers after these words. */
function complete(...words: string[]): string[] {
  const list = words.map((word) => `'${word}'`).join(' ');
  const script = `${toBashCompletion(tree)}COMP_WORDS=(audit-query ${list}); COMP_CWORD=${words.length}; _audit_query; printf '%s\\n' "\${COMPREPLY[@]}"`;
  return execFileSync('bash', ['--norc', '-c', script], { encoding: 'utf8' })
    .split('\n')
    .filter((word) => word !== '');
}

describe('toBashCompletion', () => {
  it.each([
    [['']],
    [['li']],
    [['list', '--']],
    [['list', '--status', '']],
    [['list', '--status', 'F']],
    [['list', '--page', '']],
    [['list', '--key-file', 'docker-comp']],
    [['watch', '--']],
    [['unknown', '--']],
  ])('offers for %j', (words) => {
    const expected: Record<string, string[]> = {
      '': ['list', 'watch', '--help', '--version'],
      li: ['list'],
      'list --': ['--status', '--key-file', '--page', '--json', '--help'],
      'list --status ': ['Failed', 'Running'],
      'list --status F': ['Failed'],
      'list --page ': [],
      'list --key-file docker-comp': ['docker-compose.yml'],
      'watch --': ['--help'],
      'unknown --': [],
    };
    expect(complete(...words)).toEqual(expected[words.join(' ')]);
  });
});

describe('toZshCompletion and toFishCompletion', () => {
  it('escape the special characters of their shells', () => {
    const zsh = toZshCompletion(tree);
    expect(zsh).toContain(`'list:list one'\\''s own: all'`);
    expect(zsh).toContain(`'--status[only \\[these\\]]:value:(Failed Running)'`);
    expect(zsh).toContain(`'--key-file[a file]:file:_files'`);
    const fish = toFishCompletion(tree);
    expect(fish).toContain(`-a list -d 'list one\\'s own: all'`);
    expect(fish).toContain(`-l status -xa 'Failed Running' -d 'only [these]'`);
    expect(fish).toContain(`-l key-file -rF -d 'a file'`);
  });
});
