import { Command } from '@commander-js/extra-typings';
import { ExitCode } from '../command-failed-error';
import { type CommandContext, runCommand } from './run-command';
import { parseQueryId, withCommonOptions } from './arguments';

export function createTerminateCommand(context: CommandContext) {
  const command = new Command('terminate')
    .description('stop a query for good; one that has ended stays as it is')
    .argument('<id>', 'the query', parseQueryId);
  return withCommonOptions(command).action((id, options) =>
    runCommand(context, options, async ({ service, terminal, isJson }) => {
      const { query, hadEnded } = await service.terminate(id);
      if (isJson) await terminal.print(`${JSON.stringify(query)}\n`);
      else if (hadEnded) await terminal.print(`It had ended before: ${query.status}\n`);
      else await terminal.print(`${query.status}\n`);
      return ExitCode.Done;
    }),
  );
}
