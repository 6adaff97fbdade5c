import { Command, type CommandUnknownOpts } from '@commander-js/extra-typings';
import { createCompletionCommand } from './commands/completion';
import { createListCommand } from './commands/list';
import {
  createResultCommand,
  createStatusCommand,
  createTerminateCommand,
  createWatchCommand,
} from './commands/existing-query';
import { createSubmitCommand } from './commands/submit';
import type { CommandContext } from './commands/run-command';

const EXAMPLE = `
Example: audit-query submit 2021-10-10 2021-12-10 --wait

Where the service is: --url, AUDIT_QUERY_URL or the configuration file. The credential: AUDIT_QUERY_API_KEY,
AUDIT_QUERY_TOKEN, a file (--api-key-file, --token-file), or the configuration file.

Exit codes: 0 done, 1 a mistake of the command or no place for its output, 2 usage, 3 no such query, 4 the query failed,
5 it was terminated, 6 not authorized, 7 the service is not to be had, 8 not ended yet, 130 interrupted.`;

/** The whole command line. Throws CommanderError in place of ending the process. */
export function createProgram(context: CommandContext, version: string) {
  const program = new Command('audit-query')
    .description('Counts distinct people in an audit trail: submits queries to Audit Query and waits for them.')
    .version(version)
    .addHelpText('after', EXAMPLE);
  const commands = [
    createSubmitCommand(context),
    createStatusCommand(context),
    createResultCommand(context),
    createWatchCommand(context),
    createListCommand(context),
    createTerminateCommand(context),
    createCompletionCommand(context),
  ];
  for (const command of commands) program.addCommand(command);
  // Commands that are added inherit nothing.
  for (const command of [program, ...program.commands]) {
    const name = command === program ? 'audit-query' : `audit-query ${command.name()}`;
    command
      .exitOverride()
      .showSuggestionAfterError()
      .showHelpAfterError(`All options: ${name} --help`)
      .configureOutput({ outputError: (text, write) => write(text.replace(/^error:/, 'audit-query:')) });
  }
  return program;
}

/**
 * The arguments with the options that stand before the command put behind it, where commander looks for them.
 *
 * @param args Without the program's own name.
 */
export function moveOptionsBehindCommand(program: CommandUnknownOpts, args: readonly string[]): string[] {
  const options = program.commands.flatMap((command) => command.options);
  let count = 0;
  for (; args[count]?.startsWith('--'); count += 1) {
    const option = options.find(({ long }) => long === args[count]);
    if (option?.required) count += 1;
  }
  const [command, ...others] = args.slice(count);
  // Options alone, such as --version.
  if (command === undefined) return [...args];
  return [command, ...args.slice(0, count), ...others];
}
