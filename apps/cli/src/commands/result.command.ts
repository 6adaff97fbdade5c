import { Command } from '@commander-js/extra-typings';
import { ExitCode } from '../command-failed-error';
import { printEnd } from './query-end';
import { type CommandContext, runCommand } from './run-command';
import { isOver } from '../service/query';
import { toProgressLine } from '../show/query-text';
import { parseQueryId, withCommonOptions } from './arguments';

export function createResultCommand(context: CommandContext) {
  const command = new Command('result')
    .description('print the count of a query that has ended, without waiting')
    .argument('<id>', 'the query', parseQueryId);
  return withCommonOptions(command).action((id, options) =>
    runCommand(context, options, async (session) => {
      const { service, terminal, isJson } = session;
      const query = await service.read(id);
      if (isOver(query)) return printEnd(session, query);
      if (isJson) await terminal.print(`${JSON.stringify(query)}\n`);
      else terminal.printError(`There is no result yet. ${toProgressLine(query, 0)}\n`);
      return ExitCode.NotFinished;
    }),
  );
}
