import { Command } from '@commander-js/extra-typings';
import { ExitCode } from '../command-failed-error';
import { type CommandContext, runCommand } from './run-command';
import { toQueryText } from '../show/query-text';
import { parseQueryId, withCommonOptions } from './arguments';

export function createStatusCommand(context: CommandContext) {
  const command = new Command('status')
    .description('show how a query is; 0 whatever its status')
    .argument('<id>', 'the query', parseQueryId);
  return withCommonOptions(command).action((id, options) =>
    runCommand(context, options, async ({ service, terminal, isJson }) => {
      const query = await service.read(id);
      await terminal.print(isJson ? `${JSON.stringify(query)}\n` : toQueryText(query));
      return ExitCode.Done;
    }),
  );
}
