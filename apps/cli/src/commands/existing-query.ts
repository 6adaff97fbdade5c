import { Command } from '@commander-js/extra-typings';
import { ExitCode } from '../command-failed-error';
import { parseQueryId, parseWaitSeconds, withCommonOptions } from './arguments';
import { printEnd, waitForEnd } from './query-end';
import { type CommandContext, runCommand } from './run-command';
import { isEnded } from '../service/query';
import { toProgressLine, toQueryText } from '../show/query-text';

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

export function createResultCommand(context: CommandContext) {
  const command = new Command('result')
    .description('print the count of a query that has ended, without waiting')
    .argument('<id>', 'the query', parseQueryId);
  return withCommonOptions(command).action((id, options) =>
    runCommand(context, options, async (session) => {
      const { service, terminal, isJson } = session;
      const query = await service.read(id);
      if (isEnded(query)) return printEnd(session, query);
      if (isJson) await terminal.print(`${JSON.stringify(query)}\n`);
      else terminal.printError(`There is no result yet. ${toProgressLine(query, 0)}\n`);
      return ExitCode.NotFinished;
    }),
  );
}

export function createWatchCommand(context: CommandContext) {
  const command = new Command('watch')
    .description('wait for the end of a query and print its count; with --json one line at each change')
    .argument('<id>', 'the query', parseQueryId)
    .option('--timeout <seconds>', 'stop waiting after this; the query goes on', parseWaitSeconds);
  return withCommonOptions(command).action((id, options) =>
    runCommand(context, options, async (session) => {
      const isEachPrinted = session.isJson;
      const query = await waitForEnd(session, id, { timeout: options.timeout, isEachPrinted });
      return printEnd(session, query, { isPrinted: isEachPrinted });
    }),
  );
}

export function createTerminateCommand(context: CommandContext) {
  const command = new Command('terminate')
    .description('stop a query for good; one that has ended stays as it is')
    .argument('<id>', 'the query', parseQueryId);
  return withCommonOptions(command).action((id, options) =>
    runCommand(context, options, async ({ service, terminal, isJson }) => {
      const { query, hadEndedBefore } = await service.terminate(id);
      if (isJson) await terminal.print(`${JSON.stringify(query)}\n`);
      else if (hadEndedBefore) await terminal.print(`It had ended before: ${query.status}\n`);
      else await terminal.print(`${query.status}\n`);
      return ExitCode.Done;
    }),
  );
}
