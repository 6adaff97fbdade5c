import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createProgram } from '../../apps/cli/src/create-program';
import { ExitCode } from '../../apps/cli/src/command-failed-error';
import { VARIABLES } from '../../apps/cli/src/settings/settings-sources';
import { Interrupts } from '../../apps/cli/src/terminal/interrupts';
import { createTerminal } from '../../apps/cli/src/terminal/terminal';
import { QueryStatus } from '#shared/contract/query-status';

const page = readFileSync('docs/command-line.md', 'utf8');
const context = {
  terminal: createTerminal({}),
  interrupts: new Interrupts(),
  environment: {},
  exitCode: ExitCode.Done,
};
const program = createProgram(context, '0');

describe('the page of the command line', () => {
  it('lists exactly the commands', () => {
    const listed = [...page.matchAll(/^\| `audit-query (\w+)/gm)].map(([, name]) => name);
    expect(listed.sort()).toEqual(program.commands.map((command) => command.name()).sort());
  });

  it('lists exactly the exit codes', () => {
    const listed = [...page.matchAll(/^\| (\d+) +\|/gm)].map(([, code]) => Number(code));
    const { Sighup: _, Sigterm: __, ...codes } = ExitCode;
    expect(listed).toEqual(Object.values(codes));
    for (const code of [ExitCode.Sighup, ExitCode.Sigterm]) expect(page).toContain(`${code}:`);
  });

  it('lists exactly the variables', () => {
    const listed = [...page.matchAll(/^\|[^|]*\| `(AUDIT_QUERY_\w+)`/gm)].map(([, name]) => name);
    expect(listed.sort()).toEqual(Object.values(VARIABLES).sort());
  });

  it('names only existing options', () => {
    const options = program.commands.flatMap((command) => command.options.map(({ long }) => long));
    const named = [...page.matchAll(/`(--[a-z-]+)/g)].map(([, name]) => name);
    expect(named.filter((name) => ![...options, '--help'].includes(name))).toEqual([]);
  });
});

describe('the command line', () => {
  it('offers every status as a filter of the list', () => {
    const list = program.commands.find((command) => command.name() === 'list');
    const status = list?.options.find(({ long }) => long === '--status');
    expect(status?.argChoices).toEqual(Object.values(QueryStatus));
  });

  it('has no option for a credential itself', () => {
    const options = program.commands.flatMap((command) => command.options.map(({ long }) => long ?? ''));
    const named = new Set(options.filter((name) => /key|token|secret|password/.test(name)));
    expect([...named].sort()).toEqual(['--api-key-file', '--idempotency-key', '--page-token', '--token-file']);
  });
});
