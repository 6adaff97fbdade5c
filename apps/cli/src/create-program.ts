import { Command, type CommandUnknownOpts } from '@commander-js/extra-typings';
import { createCompletionCommand } from './commands/completion';
import {
  createResultCommand,
  createStatusCommand,
  createTerminateCommand,
  createWatchCommand,
} from './commands/existing-query';
import { createListCommand } from './commands/list';
import type { CommandContext } from './commands/run-command';
import { createSubmitCommand } from './commands/submit';

const HELP_FOOTER = `
Example: audit-query submit 2021-10-10 2021-12-10 --wait

URL of the service: --url, AUDIT_QUERY_URL or the configuration file. Credential: AUDIT_QUERY_API_KEY,
AUDIT_QUERY_TOKEN, a file (--api-key-file, --token-file), or the configuration file.

Exit codes: 0 done, 1 bug in this command or output not writable, 2 usage, 3 query not found, 4 query failed,
5 query terminated, 6 not authorized, 7 service unavailable, 8 query not ended yet, 130 interrupted.`;

/** The whole command line. Throws CommanderError instead of exiting. */
export function createProgram(context: CommandContext, version: string) {
  const program = new Command('audit-query')
    .description('Counts distinct people in an audit trail: submits queries to Audit Query and waits for them.')
    .version(version)
    .addHelpText('after', HELP_FOOTER);
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
  // Commander does not pass these settings on to added commands.
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
 * Moves options that precede the command behind it, where commander expects them.
 *
 * @param args Without the name of the program.
 */
export function moveOptionsBehindCommand(program: CommandUnknownOpts, args: readonly string[]): string[] {
  const options = program.commands.flatMap((command) => command.options);
  let count = 0;
  for (; args[count]?.startsWith('--'); count += 1) {
    const option = options.find(({ long }) => long === args[count]);
    if (option?.required) count += 1;
  }
  const [command, ...others] = args.slice(count);
  // Only options, such as --version.
  if (command === undefined) return [...args];
  return [command, ...args.slice(0, count), ...others];
}
